"""Draw how the models of one task do on samples of other sizes."""

from pathlib import Path

from toponn.figures.style import save
from toponn.figures.transfer import transfer
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    given, summary = snakemake.params, read_csv(snakemake.input.summary)
    figure = transfer(summary[summary["task"] == given.task], given.sizes, given.sizes[given.dataset], given.task)
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
