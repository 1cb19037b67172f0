"""Evaluate trained coordinate rings on samples too large for dense matrices."""

from pathlib import Path

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.generalization.beyond_dense import beyond_dense, exponent_rows
    from toponn.tools.files import write_table
    from toponn.training.saved import load_run

    run = load_run(Path(snakemake.input.weights).parent)
    table = beyond_dense(run, seed=snakemake.params.seed, **snakemake.params.recipe)
    write_table(snakemake.output.table, table, "beyond_dense")
    write_table(snakemake.output.exponents, exponent_rows(table), "beyond_dense_exponents")
