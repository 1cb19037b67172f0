"""Draw the matrix lattice left out × lattice of the test of one task."""

from pathlib import Path

from toponn.figures.generalization_matrix import left_out_matrix
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    summary = read_csv(snakemake.input.summary)
    figure = left_out_matrix(summary[summary["task"] == snakemake.params.task])
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
