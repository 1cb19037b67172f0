"""Count how often independent estimators agree on samples that nothing selects."""

from toponn.files import write_table
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.references import ceiling_rows

    rows = ceiling_rows(name=snakemake.params.name, seed=snakemake.params.seed, **snakemake.params.recipe)
    write_table(snakemake.output.table, rows, "ceiling")
