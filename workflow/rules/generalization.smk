# Generalization: fixed weights on every test, without refitting.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    generalization_table,
    interfaces_table,
    figure_beyond_dense,


rule evaluate:
    input:
        weights=lambda w: run_files("weights.h5", [w.task], [w.model]),
        settings=lambda w: run_files("settings.json", [w.task], [w.model]),
        dataset=training_data,
        tests=lambda w: dataset_files(other_tests(STUDY, w.task)),
    output:
        table=f"{RESULTS}/generalization/{{task}}/{{model}}.csv",
        predictions=f"{RESULTS}/generalization/{{task}}/{{model}}.h5",
    log:
        f"{LOGS}/evaluate/{{task}}/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{task}}/{{model}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt * evaluation_mb(w.task),
        runtime=lambda w, attempt: attempt
        * minutes(evaluation_seconds(w.task, w.model)),
        gpu=gpus(),
    params:
        *code_of("scripts/evaluate.py"),
        code=lambda w: trained_code("scripts/evaluate.py", w.model),
        kinds=lambda w: kinds_of(STUDY, w.task),
        most_seeds=lambda w: most_seeds(STUDY, w.task),
        seed=STUDY["seed"],
        device=STUDY["device"],
    message:
        "Testing {wildcards.model} on every dataset of {wildcards.task}"
    script:
        "../../scripts/evaluate.py"


rule generalization_table:
    input:
        tables=evaluation_files("csv"),
        predictions=evaluation_files("h5"),
    output:
        table=report(
            f"{TABLES}/generalization.csv",
            caption="../report/tables.rst",
            category="Generalization",
            subcategory="both tasks",
            labels={"result": "every run on every test", "of": "all models"},
        ),
        summary=report(
            f"{TABLES}/generalization_summary.csv",
            caption="../report/tables.rst",
            category="Generalization",
            subcategory="both tasks",
            labels={"result": "summary over runs", "of": "all models"},
        ),
        superiority=report(
            f"{TABLES}/superiority.csv",
            caption="../report/tables.rst",
            category="Generalization",
            subcategory="both tasks",
            labels={"result": "hybrid minus best plain network", "of": "all models"},
        ),
    log:
        f"{LOGS}/generalization_table.log",
    benchmark:
        f"{BENCHMARKS}/generalization_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        *code_of("scripts/generalization_table.py"),
        kinds={task: kinds_of(STUDY, task) for task in TASKS},
        seed=STUDY["seed"],
    message:
        "Summing up the tests over runs, with intervals"
    script:
        "../../scripts/generalization_table.py"


rule interface:
    input:
        weights=lambda w: interface_runs(w, "weights.h5"),
        settings=lambda w: interface_runs(w, "settings.json"),
    output:
        table=f"{RESULTS}/interfaces/{{interface}}.csv",
        markers=f"{RESULTS}/interfaces/{{interface}}.h5",
    log:
        f"{LOGS}/interface/{{interface}}.log",
    benchmark:
        f"{BENCHMARKS}/interface/{{interface}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt * interface_mb(w.interface),
        runtime=lambda w, attempt: attempt * minutes(interface_seconds(w.interface)),
    params:
        *code_of("scripts/interface.py"),
        code=model_code("scripts/interface.py", "ring"),
        system=lambda w: system_code("scripts/interface.py", INTERFACES[w.interface]),
        name=lambda w: w.interface,
        recipe=lambda w: INTERFACES[w.interface],
        seed=STUDY["seed"],
    message:
        "Looking at the density of the rings over two phases, {wildcards.interface}"
    script:
        "../../scripts/interface.py"


rule interfaces_table:
    input:
        tables=expand(f"{RESULTS}/interfaces/{{interface}}.csv", interface=INTERFACES),
    output:
        table=report(
            f"{TABLES}/interfaces.csv",
            caption="../report/tables.rst",
            category="Generalization",
            subcategory="both tasks",
            labels={"result": "two phases in one sample", "of": "coordinate rings"},
        ),
    log:
        f"{LOGS}/interfaces_table.log",
    benchmark:
        f"{BENCHMARKS}/interfaces_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/interfaces_table.py"),
    message:
        "Tabulating the markers of both phases"
    script:
        "../../scripts/interfaces_table.py"


if beyond_recipe():

    rule beyond_dense:
        input:
            weights=beyond_run("weights.h5"),
            settings=beyond_run("settings.json"),
        output:
            table=report(
                f"{TABLES}/beyond_dense.csv",
                caption="../report/tables.rst",
                category="Generalization",
                subcategory="chern",
                labels={"result": "beyond dense matrices", "of": "tensor rings"},
            ),
            exponents=report(
                f"{TABLES}/beyond_dense_exponents.csv",
                caption="../report/tables.rst",
                category="Generalization",
                subcategory="chern",
                labels={"result": "exponents of the cost", "of": "sparse samples"},
            ),
        log:
            f"{LOGS}/beyond_dense.log",
        benchmark:
            f"{BENCHMARKS}/beyond_dense.tsv"
        conda:
            "../../envs/toponn.yaml"
        threads: 1
        resources:
            mem_mb=lambda w, attempt: attempt * beyond_mb(),
            runtime=lambda w, attempt: attempt * minutes(beyond_seconds()),
        params:
            *code_of("scripts/beyond_dense.py"),
            code=trained_code("scripts/beyond_dense.py", beyond_recipe()["model"]),
            system=beyond_code("scripts/beyond_dense.py"),
            recipe={k: v for k, v in beyond_recipe().items() if k != "model"},
            seed=STUDY["seed"],
        message:
            "Evaluating rings on samples beyond dense matrices"
        script:
            "../../scripts/beyond_dense.py"

    rule figure_beyond_dense:
        input:
            table=f"{TABLES}/beyond_dense.csv",
            exponents=f"{TABLES}/beyond_dense_exponents.csv",
        output:
            pdf=f"{FIGURES}/beyond_dense.pdf",
            png=report(
                f"{FIGURES}/beyond_dense.png",
                caption="../report/beyond_dense.rst",
                category="Generalization",
                subcategory="chern",
                labels={"result": "beyond dense matrices", "of": "tensor rings"},
            ),
        log:
            f"{LOGS}/figure_beyond_dense.log",
        benchmark:
            f"{BENCHMARKS}/figure_beyond_dense.tsv"
        conda:
            "../../envs/toponn.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            *code_of("scripts/figure_beyond_dense.py"),
            seeds=beyond_recipe()["seeds"],
            vectors=beyond_recipe()["vectors"],
        message:
            "Drawing what rings say beyond dense matrices"
        script:
            "../../scripts/figure_beyond_dense.py"
