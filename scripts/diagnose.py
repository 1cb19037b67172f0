"""Apply one diagnostic to one variant of a task."""

from pathlib import Path

from toponn.tools.joblog import job_log

with job_log(snakemake) as log:
    from toponn.tools.checks import resolve
    from toponn.tools.files import read_table, write_arrays, write_table
    from toponn.trainability import DIAGNOSTICS
    from toponn.trainability.subject import Subject, diagnosed
    from toponn.training.protocol import Success, Variant
    from toponn.training.search import settled

    given, searched = snakemake.params, snakemake.input.search  # no search where no rate is a list
    variant = Variant.of(**given.variant)
    roles = {role: [Path(path) for path in snakemake.input[role]] for role in given.roles}
    subject = Subject(
        task=given.task,
        variant=settled(variant, read_table(searched, "search")) if searched else variant,
        datasets={"home": [Path(snakemake.input[0])], **roles},
        folders=[Path(weights).parent for weights in snakemake.input.weights],
        root=given.seed,
        success=Success(**given.success),
        device=given.device,
        runs=given.runs,
    )
    diagnostic = resolve(DIAGNOSTICS, given.row, "trainability")
    found = diagnosed(given.diagnostic, diagnostic, subject, **given.options)
    write_arrays(snakemake.output.arrays, found.arrays, {"task": subject.task, "variant": variant.name})
    write_table(snakemake.output.table, found.rows, "diagnostics")
    log.info("%d rows", len(found.rows))
