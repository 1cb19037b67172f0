"""Tabulate how often training succeeds, what the closed form can do, and what the diagnostics say over seeds."""

import pandas as pd

from toponn.files import read_csv, read_tables, write_csv
from toponn.joblog import job_log
from toponn.trainability import COLUMNS
from toponn.trainability.success import start_rows, success_rows
from toponn.trainability.summary import diagnostic_rows

with job_log(snakemake):
    once = read_tables([*snakemake.input.expressivity, *snakemake.input.site_tensors], COLUMNS)
    runs, histories = read_tables(snakemake.input.runs), read_tables(snakemake.input.histories)
    sizes = dict(runs[["dataset", "size"]].itertuples(index=False, name=None))
    threshold = snakemake.params.success["balanced_accuracy"]
    parts = [success_rows(runs), start_rows(histories, sizes, threshold), once]
    parts += [diagnostic_rows(read_csv(path), snakemake.params.seed) for path in snakemake.input.diagnostics]
    write_csv(snakemake.output.table, pd.concat(parts, ignore_index=True), COLUMNS)
