"""Draw the matrix test × model of one task."""

from pathlib import Path

from toponn.figures.generalization_matrix import generalization_matrix
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    summary = read_csv(snakemake.input.summary)
    figure = generalization_matrix(summary[summary["task"] == snakemake.params.task], snakemake.params.kinds)
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
