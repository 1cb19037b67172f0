"""Look at the density of trained rings over one sample with two phases."""

from pathlib import Path

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.generalization.interfaces import interface
    from toponn.tools.files import write_arrays, write_table

    folders = [Path(weights).parent for weights in snakemake.input.weights]
    given = snakemake.params
    rows, arrays, attributes = interface(folders, name=given.name, seed=given.seed, **given.recipe)
    write_table(snakemake.output.table, rows, "interfaces")
    write_arrays(snakemake.output.markers, arrays, attributes)
