"""Hold the measured numbers against the claims of the source paper."""

from toponn.claims import COLUMNS, claims_table
from toponn.files import read_csv, read_tables, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    given = snakemake.params
    tables = [read_csv(snakemake.input[name]) for name in ("trainability", "generalization", "summary")]
    proxies = read_tables(snakemake.input.proxies) if snakemake.input.proxies else None
    found = claims_table(*tables, proxies, proxy_tests=given.proxy_tests, root=given.seed)
    write_csv(snakemake.output.table, found, COLUMNS)
