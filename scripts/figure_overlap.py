"""Draw how the models' outputs go with the local marker, over all samples and within labels."""

from pathlib import Path

from toponn.figures.overlap import overlap
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    table = read_csv(snakemake.input.trainability)
    save(overlap(table[table["task"] == snakemake.params.task]), Path(snakemake.output.pdf).with_suffix(""))
