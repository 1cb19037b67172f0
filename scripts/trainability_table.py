"""Tabulate how often training succeeds, what the closed form can do, and what the diagnostics say over seeds."""

import pandas as pd

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.tools.files import read_table, write_table
    from toponn.trainability.success import first_seeds, not_applicable_rows, start_rows, success_rows
    from toponn.trainability.summary import diagnostic_rows

    given, files = snakemake.params, snakemake.input
    runs = first_seeds(read_table(files.runs, "runs"), given.seeds)
    histories = first_seeds(read_table(files.histories, "history"), given.seeds)
    sizes = dict(runs[["dataset", "size"]].itertuples(index=False, name=None))
    parts = [success_rows(runs), start_rows(histories, sizes, given.success["balanced_accuracy"])]
    parts += [read_table([*files.expressivity, *files.site_tensors], "trainability")]
    parts += [diagnostic_rows(read_table(path, "diagnostics"), given.seed) for path in files.diagnostics]
    parts += [not_applicable_rows(runs, given.inapplicable)]
    write_table(snakemake.output.table, pd.concat(parts, ignore_index=True), "trainability")
