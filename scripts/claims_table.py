"""Hold the measured numbers against the claims of the source paper."""

from toponn.claims import COLUMNS, claims_table
from toponn.files import read_csv, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    tables = [read_csv(snakemake.input[name]) for name in ("trainability", "generalization", "summary")]
    write_csv(snakemake.output.table, claims_table(*tables, root=snakemake.params.seed), COLUMNS)
