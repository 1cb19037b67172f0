"""Choose the learning rate and weight decay of one model on the validation split of its task's dataset."""

from toponn.files import write_csv
from toponn.joblog import job_log

with job_log(snakemake) as log:
    from toponn.training.search import COLUMNS, search

    rows = search(
        snakemake.input.dataset,
        task=snakemake.params.task,
        name=snakemake.wildcards.model,
        settings=snakemake.params.settings,
        seeds=snakemake.params.search["seeds"],
        root=snakemake.params.seed,
        device=snakemake.params.device,
    )
    write_csv(snakemake.output.table, rows, COLUMNS)
    chosen = rows[rows["chosen"]].iloc[0]
    log.info("chosen: learning rate %g, weight decay %g", chosen["learning_rate"], chosen["weight_decay"])
