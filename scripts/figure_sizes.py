"""Draw how often training succeeds, and how well it does, against the size of the samples."""

from pathlib import Path

from toponn.figures.sizes import sizes
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    table = read_csv(snakemake.input.trainability)
    table = table[table["task"] == snakemake.params.task]
    save(sizes(table, snakemake.params.forms, snakemake.params.task), Path(snakemake.output.pdf).with_suffix(""))
