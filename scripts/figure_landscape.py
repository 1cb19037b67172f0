"""Draw the loss along lines and planes through trained and closed-form weights."""

from pathlib import Path

from toponn.figures.landscape import landscape
from toponn.figures.style import save
from toponn.files import read_arrays, read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    arrays_by_model = {}
    for table, arrays in zip(snakemake.input.tables, snakemake.input.arrays, strict=True):
        model, form = read_csv(table)[["model", "form"]].iloc[0]
        arrays_by_model[model, form] = read_arrays(arrays)[0]
    save(landscape(arrays_by_model), Path(snakemake.output.pdf).with_suffix(""))
