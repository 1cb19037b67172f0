"""Draw what trained rings say of samples too large for dense matrices, and what that costs."""

from pathlib import Path

from toponn.figures.beyond_dense import beyond_dense
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    figure = beyond_dense(read_csv(snakemake.input.table), read_csv(snakemake.input.exponents))
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
