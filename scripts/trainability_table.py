"""Tabulate how often training succeeds, from where it starts, and what the closed form can do."""

import pandas as pd

from toponn.files import read_tables, write_csv
from toponn.joblog import job_log
from toponn.trainability import COLUMNS
from toponn.trainability.success import start_rows, success_rows

with job_log(snakemake):
    diagnostics = read_tables([*snakemake.input.expressivity, *snakemake.input.site_tensors], COLUMNS)
    runs, histories = read_tables(snakemake.input.runs), read_tables(snakemake.input.histories)
    sizes = dict(runs[["dataset", "size"]].itertuples(index=False, name=None))
    threshold = snakemake.params.success["balanced_accuracy"]
    parts = [success_rows(runs), start_rows(histories, sizes, threshold), diagnostics]
    write_csv(snakemake.output.table, pd.concat(parts, ignore_index=True), COLUMNS)
