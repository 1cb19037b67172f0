"""Draw the errors of the estimators against the size of the samples."""

from pathlib import Path

from toponn.figures.convergence import convergence
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    save(
        convergence(read_csv(snakemake.input.table), snakemake.params.task), Path(snakemake.output.pdf).with_suffix("")
    )
