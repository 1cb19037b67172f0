"""Join the rows of all interfaces."""

from toponn.files import read_tables, write_csv
from toponn.interfaces import COLUMNS
from toponn.joblog import job_log

with job_log(snakemake):
    write_csv(snakemake.output.table, read_tables(snakemake.input.tables), COLUMNS)
