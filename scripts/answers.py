"""Answer the study's question from its tables, on one page."""

from pathlib import Path

from toponn.answers import COLUMNS, Tables, answers, verdicts
from toponn.answers_page import page
from toponn.files import read_csv, whole_file, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    given, runs = snakemake.params, read_csv(snakemake.input.runs)
    names = ("trainability", "proxies", "summary")
    sizes = {task: int(runs[runs["dataset"] == home]["size"].iloc[0]) for task, home in given.homes.items()}
    tables = Tables(*(read_csv(snakemake.input[name]) for name in names), given.homes, sizes, given.tests)
    found = answers(tables)
    figures = {Path(path).stem: Path(path) for path in snakemake.input.figures}
    write_csv(snakemake.output.table, found, COLUMNS)
    with whole_file(snakemake.output.page) as temporary:
        temporary.write_text(page(found, verdicts(tables), figures), encoding="utf-8")
