"""Join the rows of all variants on all tests, sum them up over seeds, and pair the hybrids with their rivals."""

import pandas as pd

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.generalization.evaluation import Evaluation, by_variant, summary_row
    from toponn.generalization.superiority import superiority
    from toponn.tools.files import read_table, write_table

    given, outputs = snakemake.params, snakemake.output
    tables = [read_table(path, "generalization") for path in snakemake.input.tables]
    found = [Evaluation.read(path) for path in snakemake.input.predictions]
    summary = [summary_row(rows, one, given.seed) for rows, one in zip(tables, found, strict=True)]
    options = {"kinds": given.kinds, "hybrids": given.hybrids, "rivals": given.rivals, "root": given.seed}
    paired = superiority(by_variant(found), **options)
    write_table(outputs.table, pd.concat(tables, ignore_index=True), "generalization")
    write_table(outputs.summary, pd.DataFrame(summary), "generalization_summary")
    write_table(outputs.superiority, paired, "superiority")
