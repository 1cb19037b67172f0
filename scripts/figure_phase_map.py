"""Draw one labelled plane of parameters."""

from pathlib import Path

from toponn.figures.phase_map import phase_map
from toponn.figures.style import save
from toponn.files import read_arrays
from toponn.joblog import job_log

with job_log(snakemake):
    save(phase_map(*read_arrays(snakemake.input.map)), Path(snakemake.output.pdf).with_suffix(""))
