"""Join the rows of all variants on all lattices, one left out of the training, and sum them up over seeds."""

import pandas as pd

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.generalization.left_out import summary_rows
    from toponn.tools.files import read_arrays, read_table, write_table

    tables, summary = [read_table(path, "left_out") for path in snakemake.input.tables], []
    for table, path in zip(tables, snakemake.input.predictions, strict=True):
        summary += summary_rows(table, read_arrays(path)[0], snakemake.params.seed)
    write_table(snakemake.output.table, pd.concat(tables, ignore_index=True), "left_out")
    write_table(snakemake.output.summary, pd.DataFrame(summary), "left_out_summary")
