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
        mem_mb=lambda w: expressivity_mb(w.task),
        runtime=20,
    params:
        *code_of("scripts/expressivity.py"),
        system=lambda w: system_code("scripts/expressivity.py", training_recipe(w)),
        ring=model_code("scripts/expressivity.py", "ring"),
        wavefunction=model_code("scripts/expressivity.py", "wavefunction"),
        recipe=lambda w: training_recipe(w),
    message:
        "Comparing the closed form with the reference formula, {wildcards.task}"
    script:
        "../../scripts/expressivity.py"


rule trainability_table:
    input:
        runs=run_files("runs.csv", sizes=True),
        histories=run_files("history.csv", sizes=True),
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


rule route_costs:
    output:
        costs=report(
            f"{TABLES}/route_costs.csv",
            caption="../report/tables.rst",
            category="Trainability",
            subcategory="chern",
            labels={"result": "cost of the routes", "of": "tensor rings"},
        ),
        exponents=report(
            f"{TABLES}/route_exponents.csv",
            caption="../report/tables.rst",
            category="Trainability",
            subcategory="chern",
            labels={"result": "exponents of the cost", "of": "tensor rings"},
        ),
    log:
        f"{LOGS}/route_costs.log",
    benchmark:
        f"{BENCHMARKS}/route_costs.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=route_mb(),
        runtime=30,
    params:
        *code_of("scripts/route_costs.py"),
        recipe=STUDY["route_costs"],
        seed=STUDY["seed"],
    message:
        "Measuring what the routes of the ring cost"
    script:
        "../../scripts/route_costs.py"
