"""Choose the learning rate and weight decay of one variant on the validation split of its task's dataset."""

from toponn.tools.joblog import job_log

with job_log(snakemake) as log:
    from toponn.tools.files import write_table
    from toponn.training.protocol import Variant
    from toponn.training.search import search

    rows = search(
        snakemake.input.dataset,
        task=snakemake.params.task,
        variant=Variant.of(**snakemake.params.variant),
        seeds=snakemake.params.seeds,
        root=snakemake.params.seed,
        device=snakemake.params.device,
    )
    write_table(snakemake.output.table, rows, "search")
    chosen = rows[rows["chosen"]].iloc[0]
    log.info("chosen: learning rate %g, weight decay %g", chosen["learning_rate"], chosen["weight_decay"])
