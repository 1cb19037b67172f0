"""Tabulate how often independent references agree on each dataset."""

import pandas as pd

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.data.datasets import read_dataset
    from toponn.labels.references import reference_rows
    from toponn.tools.files import write_table

    rows = [reference_rows(read_dataset(path)) for path in snakemake.input]
    write_table(snakemake.output[0], pd.concat(rows, ignore_index=True), "references")
