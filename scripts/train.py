"""Train one block of seeds of one model on one dataset, or on several together."""

from pathlib import Path

from toponn.digests import digest
from toponn.files import read_tables
from toponn.joblog import job_log

with job_log(snakemake) as log:
    from toponn.training.runs import train_block, write_run
    from toponn.training.search import settled

    settings, searched = snakemake.params.settings, snakemake.input.search  # no search where no rate is a list
    checkpoint = Path(snakemake.params.checkpoint)
    run = train_block(
        snakemake.input.dataset,
        task=snakemake.params.task,
        name=snakemake.params.model,
        settings=settled(settings, read_tables(searched)) if searched else settings,
        seeds=snakemake.params.seeds,
        success=snakemake.params.success,
        root=snakemake.params.seed,
        device=snakemake.params.device,
        checkpoint=checkpoint,
        together=snakemake.params.get("together", ""),
        work=digest([str(parameter) for parameter in snakemake.params]),  # among them the digests of the code
    )
    write_run(Path(snakemake.output.weights).parent, run)
    checkpoint.unlink(missing_ok=True)
    log.info("%d of %d seeds succeed", run["rows"]["success"].sum(), len(run["rows"]))
