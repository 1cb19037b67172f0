"""Put the runs of one variant, each trained on all lattices but one, to the tests of all lattices."""

from pathlib import Path

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.generalization.left_out import evaluate_left_out
    from toponn.tools.files import write_arrays, write_table

    given = snakemake.params
    folders = [Path(weights).parent for weights in snakemake.input.weights]
    tests = dict(zip(given.datasets, snakemake.input.datasets, strict=True))
    folders = dict(zip(given.datasets, folders, strict=True))
    table, values = evaluate_left_out(folders, tests, seeds=given.seeds, device=given.device)
    write_arrays(snakemake.output.predictions, values, {"task": snakemake.wildcards.task})
    write_table(snakemake.output.table, table, "left_out")
