"""Draw other ways of training the rings beside the plain one."""

from pathlib import Path

from toponn.figures.remedies import remedies
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    given, runs = snakemake.params, read_csv(snakemake.input.runs)
    size = int(runs[runs["dataset"] == given.dataset]["size"].iloc[0])
    table = read_csv(snakemake.input.trainability)
    table = table[(table["task"] == given.task) & (table["size"] == size)]
    save(remedies(table, given.task), Path(snakemake.output.pdf).with_suffix(""))
