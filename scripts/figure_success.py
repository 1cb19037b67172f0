"""Draw success fractions, balanced accuracies and gradient norms of one task's runs."""

from pathlib import Path

from toponn.figures.style import save
from toponn.figures.success import success
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    trainability, runs = (
        table[table["task"] == snakemake.params.task]
        for table in (read_csv(snakemake.input.trainability), read_csv(snakemake.input.runs))
    )
    save(success(trainability, runs, snakemake.params.threshold), Path(snakemake.output.pdf).with_suffix(""))
