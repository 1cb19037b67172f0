"""Hold the measured numbers against the claims of the source paper: a table and a page."""

from pathlib import Path

from toponn.claims import COLUMNS, claims_table
from toponn.claims_page import page
from toponn.files import read_csv, read_tables, whole_file, write_csv
from toponn.joblog import job_log

OPTIONAL = ("proxies", "left_out", "interfaces")

with job_log(snakemake):
    names = ("trainability", "generalization", "summary", "superiority")
    tables = [read_csv(snakemake.input[name]) for name in names]
    others = [read_tables(snakemake.input[name]) if snakemake.input[name] else None for name in OPTIONAL]
    found = claims_table(*tables, *others, root=snakemake.params.seed)
    write_csv(snakemake.output.table, found, COLUMNS)
    figures = {Path(path).stem: Path(path) for path in snakemake.input.figures}
    with whole_file(snakemake.output.page) as temporary:
        temporary.write_text(page(found, figures), encoding="utf-8")
