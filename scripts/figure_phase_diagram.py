"""Draw the samples of one dataset in its phase diagram."""

from pathlib import Path

from toponn.figures.phase_diagram import phase_diagram
from toponn.figures.style import save
from toponn.files import read_arrays
from toponn.joblog import job_log

with job_log(snakemake):
    figure = phase_diagram(*read_arrays(snakemake.input.dataset))
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
