# Figures: one rule of each kind, from the record beside the function that draws it; on a cluster made where snakemake runs.


def drawn(kind, what):
    """Return an input or parameter function of the figures of a kind: `what` of the figure that the wildcards name."""
    found = {figure.subject: figure for figure in FACTS.figures(kind)}
    return lambda w: what(found[w.get("subject", "")])


SHARED = {"hessian": "spectra", "kernel": "spectra"}
"""Kinds of figures that have one caption together."""

for kind, row in FACTS.rows.items():
    SHOWN = FACTS.figures(kind)
    if not SHOWN:
        continue
    # Of some kinds there is one figure in the study, of others one a task or entry, the subject.
    STEM = f"{kind}_{{subject}}" if SHOWN[0].subject else kind
    KEY = next(key for key in FIGURES if FIGURES[key] == row)

    rule:
        name:
            f"figure_{kind}"
        input:
            unpack(drawn(kind, FACTS.inputs)),
        output:
            pdf=f"<figures>/{STEM}.pdf",
            png=report(
                f"<figures>/{STEM}.png",
                caption=f"../report/{SHARED.get(KEY, KEY)}.rst",
                category=FACTS.record(row).category,
                subcategory=drawn(kind, FACTS.place),
                labels=drawn(kind, FACTS.labels),
            ),
        log:
            f"<logs>/figure_{kind}/{STEM}.log",
        benchmark:
            f"<benchmarks>/figure_{kind}/{STEM}.tsv"
        wildcard_constraints:
            subject="|".join(figure.subject for figure in SHOWN),
        conda:
            "../../envs/toponn.yaml"
        localrule: True
        params:
            *CODE.of("scripts/figure.py"),
            code=CODE.member("scripts/figure.py", row),
            kind=KEY,
            figure=kind,
            subject=drawn(kind, lambda figure: figure.subject),
            about=drawn(kind, FACTS.about),
            looks=FACTS.looks,
        message:
            f"Drawing {kind} {{wildcards}}"
        script:
            "../../scripts/figure.py"
