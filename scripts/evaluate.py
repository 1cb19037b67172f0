"""Put all blocks of one variant to one test of its task."""

from pathlib import Path

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.generalization.evaluation import evaluate_runs
    from toponn.tools.files import write_table

    given = snakemake.params
    folders = [Path(weights).parent for weights in snakemake.input.weights]
    options = {"kind": given.kind, "seeds": given.seeds, "device": given.device}
    table, found = evaluate_runs(folders, snakemake.input.dataset, **options)
    found.write(snakemake.output.predictions)
    write_table(snakemake.output.table, table, "generalization")
