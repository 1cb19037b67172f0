# Leave-one-lattice-out: each lattice of a task is left out once; models trained on all others together are tested on it.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    left_out_table,
    figure_left_out,


rule train_left_out:
    input:
        dataset=lambda w: dataset_files(others(w.task, w.dataset)),
        search=lambda w: search_files([w.task], [w.model]),
    output:
        weights=f"{RESULTS}/left_out/{{task}}/{{dataset}}/{{model}}/weights.h5",
        settings=f"{RESULTS}/left_out/{{task}}/{{dataset}}/{{model}}/settings.json",
        history=f"{RESULTS}/left_out/{{task}}/{{dataset}}/{{model}}/history.csv",
        runs=f"{RESULTS}/left_out/{{task}}/{{dataset}}/{{model}}/runs.csv",
    log:
        f"{LOGS}/train_left_out/{{task}}/{{dataset}}/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/train_left_out/{{task}}/{{dataset}}/{{model}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt * left_out_mb(w.task),
        runtime=lambda w, attempt: attempt
        * minutes(left_out_seconds(w.task, w.dataset, w.model)),
        gpu=gpus(),
    params:
        *code_of("scripts/train.py"),
        code=lambda w: trained_code("scripts/train.py", w.model),
        task=lambda w: w.task,
        model=lambda w: w.model,
        settings=lambda w: training_settings(w.model),
        seeds=lambda w: list(range(left_out_parts(STUDY, w.task)["seeds"])),
        success=STUDY["success"],
        seed=STUDY["seed"],
        device=STUDY["device"],
        together=lambda w: f"without_{w.dataset}",
        # Not among the outputs, so that clean-up after a kill leaves it.
        checkpoint=lambda w: f"{RESULTS}/checkpoints/left_out/{w.task}/{w.dataset}/{w.model}.h5",
    message:
        "Training {wildcards.model} on all lattices without {wildcards.dataset}"
    script:
        "../../scripts/train.py"


rule evaluate_left_out:
    input:
        weights=lambda w: left_out_runs(w.task, w.model, "weights.h5"),
        settings=lambda w: left_out_runs(w.task, w.model, "settings.json"),
        datasets=lambda w: dataset_files(left_out_parts(STUDY, w.task)["datasets"]),
    output:
        table=f"{RESULTS}/left_out/{{task}}/{{model}}.csv",
        predictions=f"{RESULTS}/left_out/{{task}}/{{model}}.h5",
    log:
        f"{LOGS}/evaluate_left_out/{{task}}/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate_left_out/{{task}}/{{model}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt * left_out_mb(w.task),
        runtime=lambda w, attempt: attempt
        * minutes(left_out_tests_seconds(w.task, w.model)),
        gpu=gpus(),
    params:
        *code_of("scripts/evaluate_left_out.py"),
        code=lambda w: trained_code("scripts/evaluate_left_out.py", w.model),
        datasets=lambda w: left_out_parts(STUDY, w.task)["datasets"],
        seed=STUDY["seed"],
        device=STUDY["device"],
    message:
        "Testing {wildcards.model} on the lattices that were left out, {wildcards.task}"
    script:
        "../../scripts/evaluate_left_out.py"


rule left_out_table:
    input:
        tables=left_out_files("csv"),
        predictions=left_out_files("h5"),
    output:
        table=report(
            f"{TABLES}/left_out.csv",
            caption="../report/tables.rst",
            category="Generalization",
            subcategory="both tasks",
            labels={"result": "every run, one lattice left out", "of": "all models"},
        ),
        summary=report(
            f"{TABLES}/left_out_summary.csv",
            caption="../report/tables.rst",
            category="Generalization",
            subcategory="both tasks",
            labels={"result": "summary, one lattice left out", "of": "all models"},
        ),
    log:
        f"{LOGS}/left_out_table.log",
    benchmark:
        f"{BENCHMARKS}/left_out_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        *code_of("scripts/left_out_table.py"),
        seed=STUDY["seed"],
    message:
        "Summing up the tests on lattices that were left out"
    script:
        "../../scripts/left_out_table.py"


rule figure_left_out:
    input:
        summary=f"{TABLES}/left_out_summary.csv",
    output:
        pdf=f"{FIGURES}/left_out_{{task}}.pdf",
        png=report(
            f"{FIGURES}/left_out_{{task}}.png",
            caption="../report/left_out.rst",
            category="Generalization",
            subcategory="{task}",
            labels={
                "result": "lattices left out",
                "of": "models trained on the others",
            },
        ),
    log:
        f"{LOGS}/figure_left_out/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/figure_left_out/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/figure_left_out.py"),
        task=lambda w: w.task,
        parts=lambda w: left_out_parts(STUDY, w.task),
        n_samples=lambda w: {
            name: STUDY["datasets"][name]["samples"]
            for name in left_out_parts(STUDY, w.task)["datasets"]
        },
    message:
        "Drawing how models do on lattices that were left out, {wildcards.task}"
    script:
        "../../scripts/figure_left_out.py"
