"""Draw each seed's accuracy on disordered samples against that on the clean ones which it was trained on."""

from pathlib import Path

from toponn.figures.decoupling import PUBLISHED, decoupling
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    given, units = snakemake.params, read_csv(snakemake.input.units)
    units = units[(units["task"] == given.task) & (units["diagnostic"] == "clean_balanced_accuracy")]
    figure = decoupling(units, given.task, (given.clean, given.dataset), PUBLISHED.get(given.task))
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
