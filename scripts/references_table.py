"""Tabulate how often independent references agree on each dataset."""

import pandas as pd

from toponn.files import write_table
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.datasets import read_dataset
    from toponn.references import reference_rows

    rows = [reference_rows(read_dataset(path)) for path in snakemake.input]
    write_table(snakemake.output[0], pd.concat(rows, ignore_index=True), "references")
