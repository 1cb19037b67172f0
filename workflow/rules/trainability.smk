# Trainability: whether a model can express the invariant, and how often training finds it.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    diagnostics_table,
    trainability_table,
    proxies_table,


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
        mem_mb=lambda w, attempt: attempt * expressivity_mb(w.task),
        runtime=lambda w, attempt: attempt * 20,
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


rule diagnose:
    input:
        home=training_data,
        smaller=lambda w: role_files(w, "smaller"),
        clean=lambda w: role_files(w, "clean"),
        many=lambda w: role_files(w, "many"),
        scaling=lambda w: role_files(w, "scaling"),
        search=lambda w: search_files([w.task], [w.model]),
        weights=lambda w: diagnosed_runs(w, "weights.h5"),
        settings=lambda w: diagnosed_runs(w, "settings.json"),
    output:
        table=f"{RESULTS}/trainability/{{task}}/{{diagnostic}}/{{model}}.csv",
        arrays=f"{RESULTS}/trainability/{{task}}/{{diagnostic}}/{{model}}.h5",
    log:
        f"{LOGS}/diagnose/{{task}}/{{diagnostic}}/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/diagnose/{{task}}/{{diagnostic}}/{{model}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt * diagnostic_mb(w.task, w.diagnostic),
        runtime=lambda w, attempt: attempt
        * minutes(diagnostic_seconds(w.task, w.diagnostic, w.model)),
        gpu=lambda w: gpus() if w.diagnostic in (*TRIED, "clean") else 0,
    params:
        *code_of("scripts/diagnose.py"),
        code=lambda w: trained_code("scripts/diagnose.py", w.model),
        measure=lambda w: member_code("scripts/diagnose.py", DIAGNOSTICS[w.diagnostic]),
        roles=lambda w: [role for role in ROLES if role_files(w, role)],
        settings=lambda w: training_settings(w.model),
        options=options_of,
        success=STUDY["success"],
        seed=STUDY["seed"],
        device=STUDY["device"],
    message:
        "Taking training apart: {wildcards.diagnostic} of {wildcards.model}, {wildcards.task}"
    script:
        "../../scripts/diagnose.py"


rule diagnostics_table:
    input:
        tables=diagnostic_files("csv") + proxy_files("overlap"),
    output:
        table=report(
            f"{TABLES}/diagnostics.csv",
            caption="../report/tables.rst",
            category="Trainability",
            subcategory="both tasks",
            labels={"result": "diagnostics, every seed", "of": "all models"},
        ),
    log:
        f"{LOGS}/diagnostics_table.log",
    benchmark:
        f"{BENCHMARKS}/diagnostics_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/diagnostics_table.py"),
    message:
        "Tabulating the diagnostics of every seed"
    script:
        "../../scripts/diagnostics_table.py"


rule proxies:
    input:
        home=training_data,
        tests=lambda w: dataset_files(other_tests(STUDY, w.task)),
        predictions=lambda w: evaluation_files("h5", [w.task]),
        tables=lambda w: evaluation_files("csv", [w.task]),
    output:
        proxies=f"{RESULTS}/trainability/{{task}}/proxies.csv",
        overlap=f"{RESULTS}/trainability/{{task}}/overlap.csv",
    log:
        f"{LOGS}/proxies/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/proxies/{{task}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt * evaluation_mb(w.task),
        runtime=lambda w, attempt: attempt * 30,
    params:
        *code_of("scripts/proxies.py"),
        image=member_code("scripts/proxies.py", ENCODINGS["cell_image"]),
        seed=STUDY["seed"],
    message:
        "Confronting the models with proxies of the invariant, {wildcards.task}"
    script:
        "../../scripts/proxies.py"


rule proxies_table:
    input:
        tables=proxy_files("proxies"),
    output:
        table=report(
            f"{TABLES}/proxies.csv",
            caption="../report/tables.rst",
            category="Trainability",
            subcategory="both tasks",
            labels={"result": "invariant or proxy", "of": "all models"},
        ),
    log:
        f"{LOGS}/proxies_table.log",
    benchmark:
        f"{BENCHMARKS}/proxies_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/proxies_table.py"),
    message:
        "Tabulating whether models side with the invariant or with a proxy"
    script:
        "../../scripts/proxies_table.py"


rule trainability_table:
    input:
        diagnostics=lambda w: [
            f for f in diagnostic_tables() if Path(f).stem == "diagnostics"
        ],
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
        seed=STUDY["seed"],
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
        mem_mb=lambda w, attempt: attempt * 2000,
        runtime=lambda w, attempt: attempt * 10,
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
        mem_mb=lambda w, attempt: attempt * route_mb(),
        runtime=lambda w, attempt: attempt * 30,
    params:
        *code_of("scripts/route_costs.py"),
        recipe=STUDY["route_costs"],
        seed=STUDY["seed"],
    message:
        "Measuring what the routes of the ring cost"
    script:
        "../../scripts/route_costs.py"
