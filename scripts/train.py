"""Train one block of seeds of one variant on one dataset, or on several together."""

from pathlib import Path

from toponn.tools.joblog import job_log

with job_log(snakemake) as log:
    from toponn.tools.digests import digest
    from toponn.tools.files import read_table
    from toponn.training.protocol import Success, Variant
    from toponn.training.runs import train_block, write_run
    from toponn.training.search import settled

    variant = Variant.of(**snakemake.params.variant)
    if snakemake.input.search:  # some of its rates are lists
        variant = settled(variant, read_table(snakemake.input.search, "search"))
    checkpoint = Path(snakemake.params.checkpoint)
    run = train_block(
        snakemake.input.dataset,
        task=snakemake.params.task,
        variant=variant,
        seeds=snakemake.params.seeds,
        success=Success(**snakemake.params.success),
        root=snakemake.params.seed,
        device=snakemake.params.device,
        checkpoint=checkpoint,
        together=snakemake.params.get("together", ""),
        work=digest([str(parameter) for parameter in snakemake.params]),  # among them the digests of the code
    )
    write_run(Path(snakemake.output.weights).parent, run)
    checkpoint.unlink(missing_ok=True)
    log.info("%d of %d seeds succeed", run["rows"]["success"].sum(), len(run["rows"]))
