"""Draw what the diagnostics say against what they change: rates, samples, sizes, noise, kept weights or sites."""

from pathlib import Path

from toponn.figures.curves import curves
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    given, runs = snakemake.params, read_csv(snakemake.input.runs)
    size = int(runs[runs["dataset"] == given.dataset]["size"].iloc[0])
    table = read_csv(snakemake.input.trainability)
    figure = curves(table[table["task"] == given.task], given.task, given.kind, size=size)
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
