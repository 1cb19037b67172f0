"""Evaluate trained coordinate rings on samples too large for dense matrices."""

from pathlib import Path

from toponn.files import write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.beyond_dense import BEYOND_COLUMNS, beyond_dense, exponent_rows
    from toponn.trainability import COLUMNS
    from toponn.training.saved import load_run

    run = load_run(Path(snakemake.input.weights).parent)
    table = beyond_dense(run, seed=snakemake.params.seed, **snakemake.params.recipe)
    write_csv(snakemake.output.table, table, BEYOND_COLUMNS)
    write_csv(snakemake.output.exponents, exponent_rows(table), COLUMNS)
