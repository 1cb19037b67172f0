"""Put the runs of one model, each trained on all lattices but one, to the tests of all lattices."""

from pathlib import Path

from toponn.files import write_arrays, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.generalization import COLUMNS
    from toponn.left_out import evaluate_left_out

    folders = [Path(weights).parent for weights in snakemake.input.weights]
    tests = dict(zip(snakemake.params.datasets, snakemake.input.datasets, strict=True))
    folders = dict(zip(snakemake.params.datasets, folders, strict=True))
    table, values = evaluate_left_out(folders, tests, device=snakemake.params.device)
    write_arrays(snakemake.output.predictions, values, {"task": snakemake.wildcards.task})
    write_csv(snakemake.output.table, table, ["left_out", *COLUMNS])
