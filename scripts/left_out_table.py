"""Join the rows of all models on all lattices, one left out of the training, and sum them up over seeds."""

import pandas as pd

from toponn.files import read_arrays, read_csv, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.left_out import COLUMNS, SUMMARY_COLUMNS, summary_rows

    tables, summary = [], []
    for table_path, values_path in zip(snakemake.input.tables, snakemake.input.predictions, strict=True):
        table, (values, _) = read_csv(table_path, COLUMNS), read_arrays(values_path)
        tables.append(table)
        summary += summary_rows(table, values, snakemake.params.seed)
    write_csv(snakemake.output.table, pd.concat(tables, ignore_index=True), COLUMNS)
    write_csv(snakemake.output.summary, pd.DataFrame(summary), SUMMARY_COLUMNS)
