"""Draw what the routes of the ring cost against the size of the sample."""

from pathlib import Path

from toponn.figures.route_costs import route_costs
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    figure = route_costs(read_csv(snakemake.input.costs), read_csv(snakemake.input.exponents))
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
