# Figures of the diagnostics of training.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    figure_curves,
    figure_decoupling,
    figure_spectra,
    figure_landscape,
    figure_proxies,
    figure_remedies,
    figure_overlap,


rule figure_curves:
    input:
        trainability=f"{TABLES}/trainability.csv",
        runs=f"{TABLES}/runs.csv",
    output:
        pdf=f"{FIGURES}/{{curve}}_{{task}}.pdf",
        png=report(
            f"{FIGURES}/{{curve}}_{{task}}.png",
            caption="../report/curves.rst",
            category="Trainability",
            subcategory="{task}",
            labels=lambda w: {"result": CURVE_LABELS[w.curve], "of": "all models"},
        ),
    log:
        f"{LOGS}/figure_curves/{{curve}}_{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_curves/{{curve}}_{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_curves.py"),
        task=lambda w: w.task,
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
        n_samples=lambda w: split_sizes(w.task),
        kind=lambda w: w.curve,
        n_seeds=lambda w: diagnosed_seeds(w.task, CURVES[w.curve]),
        options=lambda w: diagnostic_settings(CURVES[w.curve]),
    message:
        "Drawing {wildcards.curve}, {wildcards.task}"
    script:
        "../../scripts/figure_curves.py"


rule figure_decoupling:
    input:
        units=f"{TABLES}/diagnostics.csv",
    output:
        pdf=f"{FIGURES}/decoupling_{{task}}.pdf",
        png=report(
            f"{FIGURES}/decoupling_{{task}}.png",
            caption="../report/decoupling.rst",
            category="Trainability",
            subcategory="{task}",
            labels={"result": "clean against disordered", "of": "all models"},
        ),
    log:
        f"{LOGS}/figure_decoupling/decoupling_{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_decoupling/decoupling_{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_decoupling.py"),
        task=lambda w: w.task,
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
        n_samples=lambda w: split_sizes(w.task),
        clean=lambda w: STUDY["tasks"][w.task]["clean"],
        n_seeds=lambda w: diagnosed_seeds(w.task, ["clean"]),
    message:
        "Drawing clean against disordered accuracy, {wildcards.task}"
    script:
        "../../scripts/figure_decoupling.py"


rule figure_spectra:
    input:
        arrays=lambda w: diagnostic_files("h5", [w.task], [w.spectrum]),
        tables=lambda w: diagnostic_files("csv", [w.task], [w.spectrum]),
    output:
        pdf=f"{FIGURES}/{{spectrum}}_{{task}}.pdf",
        png=report(
            f"{FIGURES}/{{spectrum}}_{{task}}.png",
            caption="../report/spectra.rst",
            category="Trainability",
            subcategory="{task}",
            labels=lambda w: {
                "result": {"hessian": "Hessian", "kernel": "tangent kernel"}[
                    w.spectrum
                ],
                "of": "all models",
            },
        ),
    log:
        f"{LOGS}/figure_spectra/{{spectrum}}_{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_spectra/{{spectrum}}_{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_spectra.py"),
        task=lambda w: w.task,
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
        n_samples=lambda w: split_sizes(w.task),
        kind=lambda w: w.spectrum,
        n_seeds=lambda w: diagnosed_seeds(w.task, [w.spectrum]),
        options=lambda w: diagnostic_settings([w.spectrum]),
    message:
        "Drawing the spectra of the {wildcards.spectrum}, {wildcards.task}"
    script:
        "../../scripts/figure_spectra.py"


rule figure_landscape:
    input:
        arrays=lambda w: diagnostic_files("h5", [w.task], ["landscape"]),
        tables=lambda w: diagnostic_files("csv", [w.task], ["landscape"]),
    output:
        pdf=f"{FIGURES}/landscape_{{task}}.pdf",
        png=report(
            f"{FIGURES}/landscape_{{task}}.png",
            caption="../report/landscape.rst",
            category="Trainability",
            subcategory="{task}",
            labels={"result": "loss along lines and planes", "of": "tensor rings"},
        ),
    log:
        f"{LOGS}/figure_landscape/landscape_{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_landscape/landscape_{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_landscape.py"),
        task=lambda w: w.task,
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
        n_samples=lambda w: split_sizes(w.task),
        n_seeds=lambda w: diagnosed_seeds(w.task, ["landscape"]),
        options=lambda w: diagnostic_settings(["landscape"]),
    message:
        "Drawing the loss along lines and planes, {wildcards.task}"
    script:
        "../../scripts/figure_landscape.py"


rule figure_proxies:
    input:
        table=f"{TABLES}/proxies.csv",
    output:
        pdf=f"{FIGURES}/proxies_{{task}}.pdf",
        png=report(
            f"{FIGURES}/proxies_{{task}}.png",
            caption="../report/proxies.rst",
            category="Trainability",
            subcategory="{task}",
            labels={"result": "invariant or proxy", "of": "all models"},
        ),
    log:
        f"{LOGS}/figure_proxies/proxies_{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_proxies/proxies_{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_proxies.py"),
        task=lambda w: w.task,
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
        n_samples=lambda w: split_sizes(w.task),
        tests=lambda w: proxies_of(STUDY, w.task),
        n_seeds=lambda w: n_seeds(tested_models(STUDY, w.task)),
    message:
        "Drawing whom the models side with, {wildcards.task}"
    script:
        "../../scripts/figure_proxies.py"


rule figure_remedies:
    input:
        trainability=f"{TABLES}/trainability.csv",
        runs=f"{TABLES}/runs.csv",
    output:
        pdf=f"{FIGURES}/remedies_{{task}}.pdf",
        png=report(
            f"{FIGURES}/remedies_{{task}}.png",
            caption="../report/remedies.rst",
            category="Trainability",
            subcategory="{task}",
            labels={"result": "other ways of training", "of": "tensor rings"},
        ),
    log:
        f"{LOGS}/figure_remedies/remedies_{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_remedies/remedies_{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_remedies.py"),
        task=lambda w: w.task,
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
        n_samples=lambda w: split_sizes(w.task),
        n_seeds=lambda w: diagnosed_seeds(w.task, ["remedies"]),
        options=lambda w: diagnostic_settings(["remedies"]),
    message:
        "Drawing other ways of training, {wildcards.task}"
    script:
        "../../scripts/figure_remedies.py"


rule figure_overlap:
    input:
        trainability=f"{TABLES}/trainability.csv",
    output:
        pdf=f"{FIGURES}/overlap_{{task}}.pdf",
        png=report(
            f"{FIGURES}/overlap_{{task}}.png",
            caption="../report/overlap.rst",
            category="Trainability",
            subcategory="{task}",
            labels={"result": "outputs and the local marker", "of": "all models"},
        ),
    log:
        f"{LOGS}/figure_overlap/overlap_{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_overlap/overlap_{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_overlap.py"),
        task=lambda w: w.task,
        dataset=lambda w: STUDY["tasks"][w.task]["dataset"],
        n_samples=lambda w: split_sizes(w.task),
        n_seeds=lambda w: n_seeds(tested_models(STUDY, w.task)),
    message:
        "Drawing outputs and the local marker, {wildcards.task}"
    script:
        "../../scripts/figure_overlap.py"
