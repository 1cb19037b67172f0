"""Draw one figure of the study: which one, and of what, is among the parameters."""

from pathlib import Path

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.figures import FIGURES
    from toponn.figures.record import Given, Look
    from toponn.figures.style import save
    from toponn.tools.checks import resolve

    wanted = snakemake.params
    draw = resolve(FIGURES, wanted.kind, "figures")
    found = {name: getattr(snakemake.input, name) for name in draw.record.inputs}
    files = {name: [Path(p) for p in ([paths] if isinstance(paths, str) else paths)] for name, paths in found.items()}
    looks = {variant: Look(*look) for variant, look in wanted.looks.items()}
    figure = draw(Given(wanted.subject, files, wanted.about, looks))
    save(figure, Path(snakemake.output.pdf).with_suffix(""))
