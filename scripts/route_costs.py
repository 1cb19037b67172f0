"""Measure what the routes of the ring cost against the size of the sample."""

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.tools.files import write_table
    from toponn.tools.seeds import stream
    from toponn.trainability.route_costs import exponent_rows, route_costs

    costs = route_costs(**snakemake.params.recipe, rng=stream(snakemake.params.seed, "route_costs"))
    write_table(snakemake.output.costs, costs, "route_costs")
    write_table(snakemake.output.exponents, exponent_rows(costs), "route_exponents")
