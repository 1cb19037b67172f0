"""Draw the spectra of the Hessian or of the tangent kernel of one task's models."""

from pathlib import Path

from toponn.figures.spectra import spectra
from toponn.figures.style import save
from toponn.files import read_arrays, read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    arrays_by_model = {}
    for table, arrays in zip(snakemake.input.tables, snakemake.input.arrays, strict=True):
        model, form = read_csv(table)[["model", "form"]].iloc[0]
        arrays_by_model[model, form] = read_arrays(arrays)[0]
    save(spectra(arrays_by_model, snakemake.params.kind), Path(snakemake.output.pdf).with_suffix(""))
