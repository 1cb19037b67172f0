"""Join the rows of all models on all tests, and sum them up over seeds with intervals."""

import pandas as pd

from toponn.files import read_arrays, read_csv, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.generalization import COLUMNS, SUMMARY_COLUMNS, summary_row

    tables, summary = [], []
    for table_path, values_path in zip(snakemake.input.tables, snakemake.input.predictions, strict=True):
        table, (values, _) = read_csv(table_path, COLUMNS), read_arrays(values_path)
        tables.append(table)
        groups = table.groupby("test", sort=False)
        summary += [summary_row(rows, values, snakemake.params.seed) for _, rows in groups]
    write_csv(snakemake.output.table, pd.concat(tables, ignore_index=True), COLUMNS)
    write_csv(snakemake.output.summary, pd.DataFrame(summary), SUMMARY_COLUMNS)
