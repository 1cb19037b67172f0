"""Tabulate whether the models of both tasks side with the invariant or with a proxy."""

from toponn.files import read_tables, write_csv
from toponn.joblog import job_log
from toponn.trainability.proxies import PROXY_COLUMNS

with job_log(snakemake):
    write_csv(snakemake.output.table, read_tables(snakemake.input.tables, PROXY_COLUMNS), PROXY_COLUMNS)
