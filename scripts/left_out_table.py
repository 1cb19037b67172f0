"""Join the rows of all models on all lattices, one left out of the training, and sum them up over seeds."""

import pandas as pd

from toponn.files import read_arrays, read_csv, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.generalization import LEFT_OUT_COLUMNS, LEFT_OUT_SUMMARY_COLUMNS, left_out_summary

    tables, summary = [], []
    for table_path, values_path in zip(snakemake.input.tables, snakemake.input.predictions, strict=True):
        table, (values, _) = read_csv(table_path, LEFT_OUT_COLUMNS), read_arrays(values_path)
        tables.append(table)
        summary += left_out_summary(table, values, snakemake.params.seed)
    write_csv(snakemake.output.table, pd.concat(tables, ignore_index=True), LEFT_OUT_COLUMNS)
    write_csv(snakemake.output.summary, pd.DataFrame(summary), LEFT_OUT_SUMMARY_COLUMNS)
