# Trainability: whether a model can express the invariant, and how often training finds it.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    trainability_table,


rule expressivity:
    input:
        dataset=training_data,
    output:
        table=f"{RESULTS}/trainability/{{task}}/expressivity.csv",
    log:
        f"{LOGS}/expressivity/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/expressivity/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w: evaluation_mb(w.task),
        runtime=20,
    params:
        *code_of("scripts/expressivity.py"),
    message:
        "Comparing the closed form with the reference formula, {wildcards.task}"
    script:
        "../../scripts/expressivity.py"


rule trainability_table:
    input:
        runs=run_files("runs.csv"),
        histories=run_files("history.csv"),
        expressivity=expand(
            f"{RESULTS}/trainability/{{task}}/expressivity.csv", task=TASKS
        ),
        site_tensors=site_tensor_files("csv"),
    output:
        table=report(
            f"{TABLES}/trainability.csv",
            caption="../report/tables.rst",
            category="Trainability",
            subcategory="both tasks",
            labels={"result": "diagnostics", "of": "all models"},
        ),
    log:
        f"{LOGS}/trainability_table.log",
    benchmark:
        f"{BENCHMARKS}/trainability_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/trainability_table.py"),
        success=STUDY["success"],
    message:
        "Tabulating how often training succeeds"
    script:
        "../../scripts/trainability_table.py"


rule site_tensors:
    input:
        dataset=training_data,
        weights=lambda w: first_blocks("weights.h5", w.task),
        settings=lambda w: first_blocks("settings.json", w.task),
    output:
        tensors=f"{RESULTS}/trainability/{{task}}/site_tensors.h5",
        table=f"{RESULTS}/trainability/{{task}}/site_tensors.csv",
    log:
        f"{LOGS}/site_tensors/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/site_tensors/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        *code_of("scripts/site_tensors.py"),
        code=model_code("scripts/site_tensors.py", "ring"),
    message:
        "Reading off the learned site tensors, {wildcards.task}"
    script:
        "../../scripts/site_tensors.py"
