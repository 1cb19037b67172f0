"""Draw how often the estimators agree against the strength of the disorder."""

from pathlib import Path

from toponn.figures.ceiling import ceiling
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    save(ceiling(read_csv(snakemake.input.table)), Path(snakemake.output.pdf).with_suffix(""))
