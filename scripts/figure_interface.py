"""Draw the density of the rings beside the local Chern marker of one sample."""

from pathlib import Path

from toponn.figures.interface import interface
from toponn.figures.style import save
from toponn.files import read_arrays, read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    arrays, attributes = read_arrays(snakemake.input.markers)
    save(interface(arrays, attributes, read_csv(snakemake.input.table)), Path(snakemake.output.pdf).with_suffix(""))
