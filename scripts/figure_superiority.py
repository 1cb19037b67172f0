"""Draw by how much the hybrid beats the best plain network on the tests of one task."""

from pathlib import Path

from toponn.figures.style import save
from toponn.figures.superiority import superiority
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    paired = read_csv(snakemake.input.superiority)
    figure = superiority(paired[paired["task"] == snakemake.params.task], snakemake.params.kinds)
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
