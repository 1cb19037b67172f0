"""Apply one diagnostic to one model of a task."""

from pathlib import Path

from toponn.files import read_tables, write_arrays, write_csv
from toponn.joblog import job_log

with job_log(snakemake) as log:
    from toponn.checks import resolve
    from toponn.trainability import DIAGNOSTICS, UNIT
    from toponn.trainability.subject import Subject
    from toponn.training.search import settled

    given, settings = snakemake.params, snakemake.params.settings
    searched = snakemake.input.search  # no search where no rate is a list
    subject = Subject(
        task=snakemake.wildcards.task,
        name=snakemake.wildcards.model,
        settings=settled(settings, read_tables(searched)) if searched else settings,
        datasets={
            "home": [Path(snakemake.input.home)],
            **{role: [Path(path) for path in snakemake.input[role]] for role in given.roles},
        },
        folders=[Path(weights).parent for weights in snakemake.input.weights],
        root=given.seed,
        success=given.success,
        device=given.device,
    )
    measured = resolve(DIAGNOSTICS, snakemake.wildcards.diagnostic, "trainability")(subject, **given.options)
    write_arrays(snakemake.output.arrays, measured.arrays, {"task": subject.task, "model": subject.name})
    write_csv(snakemake.output.table, measured.rows, UNIT)
    log.info("%d rows", len(measured.rows))
