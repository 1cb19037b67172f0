"""Join the rows of all models on all tests, sum them up over seeds, and pair the hybrid with the plain networks."""

from collections import defaultdict

import pandas as pd

from toponn.files import read_arrays, read_csv, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn import superiority
    from toponn.generalization import COLUMNS, SUMMARY_COLUMNS, summary_row

    root, tables, summary, predictions = snakemake.params.seed, [], [], defaultdict(dict)
    for table_path, values_path in zip(snakemake.input.tables, snakemake.input.predictions, strict=True):
        table, (values, _) = read_csv(table_path, COLUMNS), read_arrays(values_path)
        tables.append(table)
        task, model, form = table[["task", "model", "form"]].iloc[0]
        predictions[task][model, form] = values
        summary += [summary_row(rows, values, root) for _, rows in table.groupby("test", sort=False)]
    kinds = snakemake.params.kinds
    paired = [
        row for task in predictions for row in superiority.paired_rows(task, kinds[task], predictions[task], root)
    ]
    write_csv(snakemake.output.table, pd.concat(tables, ignore_index=True), COLUMNS)
    write_csv(snakemake.output.summary, pd.DataFrame(summary), SUMMARY_COLUMNS)
    write_csv(snakemake.output.superiority, pd.DataFrame(paired, columns=superiority.COLUMNS), superiority.COLUMNS)
