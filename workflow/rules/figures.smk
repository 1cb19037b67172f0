# Figures: one rule of each kind, from the record beside the function that draws it; on a cluster made where snakemake runs.


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
        localrule: True
        conda:
            "../../envs/toponn.yaml"
        params:
            *CODE.of("scripts/figure.py"),
            code=CODE.member("scripts/figure.py", KEY, row),
            kind=KEY,
            figure=kind,
            subject=drawn(kind, lambda figure: figure.subject),
            about=drawn(kind, FACTS.about),
            looks=drawn(kind, FACTS.shown_looks),
        message:
            f"Drawing {kind} {{wildcards}}"
        script:
            "../../scripts/figure.py"
