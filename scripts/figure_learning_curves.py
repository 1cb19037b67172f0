"""Draw the learning curves of all models of one task that are trained over epochs."""

from pathlib import Path

from toponn.figures.learning_curves import learning_curves
from toponn.figures.style import save
from toponn.files import read_tables
from toponn.joblog import job_log

with job_log(snakemake):
    histories = snakemake.input.histories
    history = read_tables([histories] if isinstance(histories, str) else histories)
    save(learning_curves(history, snakemake.params.threshold), Path(snakemake.output.pdf).with_suffix(""))
