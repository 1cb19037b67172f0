"""Tabulate what the diagnostics measured, a row for each seed."""

from toponn.files import read_tables, write_csv
from toponn.joblog import job_log
from toponn.trainability import UNIT

with job_log(snakemake):
    write_csv(snakemake.output.table, read_tables(snakemake.input.tables, UNIT), UNIT)
