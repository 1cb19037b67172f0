"""Count how often independent estimators agree on samples that nothing selects."""

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.labels.references import ceiling_rows
    from toponn.tools.files import write_table

    rows = ceiling_rows(name=snakemake.params.name, seed=snakemake.params.seed, **snakemake.params.recipe)
    write_table(snakemake.output.table, rows, "ceiling")
