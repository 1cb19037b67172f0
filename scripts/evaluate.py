"""Put all blocks of one trained model to every test of its task."""

from pathlib import Path

from toponn.files import write_arrays, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.generalization import COLUMNS, evaluate_runs

    paths = [snakemake.input.dataset, *snakemake.input.tests]
    folders = [Path(weights).parent for weights in snakemake.input.weights]
    tests = {Path(path).stem: path for path in paths}
    given = snakemake.params
    table, values = evaluate_runs(folders, tests, given.device, kinds=given.kinds, most_seeds=given.most_seeds)
    write_arrays(snakemake.output.predictions, values, {"task": snakemake.wildcards.task})
    write_csv(snakemake.output.table, table, COLUMNS)
