"""Count how often independent estimators agree on samples that nothing selects."""

from toponn.files import write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.references import CEILING_COLUMNS, ceiling_rows

    rows = ceiling_rows(name=snakemake.params.name, seed=snakemake.params.seed, **snakemake.params.recipe)
    write_csv(snakemake.output.table, rows, CEILING_COLUMNS)
