"""Measure the error of every estimator against the size of the samples."""

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.labels.convergence import convergence_rows
    from toponn.tools.files import write_table

    rows = convergence_rows(name=snakemake.params.name, seed=snakemake.params.seed, **snakemake.params.recipe)
    write_table(snakemake.output.table, rows, "convergence")
