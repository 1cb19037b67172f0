"""Join what the searches for learning rates and weight decays tried."""

from toponn.files import read_tables, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    table = read_tables(snakemake.input.tables)
    write_csv(snakemake.output.table, table, table.columns)
