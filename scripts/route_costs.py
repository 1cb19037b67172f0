"""Measure what the routes of the ring cost against the size of the sample."""

from toponn.files import write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.seeds import stream
    from toponn.trainability import COLUMNS
    from toponn.trainability.route_costs import COST_COLUMNS, exponent_rows, route_costs

    costs = route_costs(**snakemake.params.recipe, rng=stream(snakemake.params.seed, "route_costs"))
    write_csv(snakemake.output.costs, costs, COST_COLUMNS)
    write_csv(snakemake.output.exponents, exponent_rows(costs), COLUMNS)
