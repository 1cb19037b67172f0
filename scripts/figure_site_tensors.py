"""Draw the learned site tensors of one task's rings beside those of the closed form."""

from pathlib import Path

from toponn.figures.site_tensors import site_tensors
from toponn.figures.style import save
from toponn.files import read_arrays
from toponn.joblog import job_log

with job_log(snakemake):
    figure = site_tensors(*read_arrays(snakemake.input.site_tensors))
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
