# Training: one job for each dataset, model and block of seeds.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    search_table,
    runs_table,


rule search:
    input:
        dataset=training_data,
    output:
        table=f"{RESULTS}/search/{{task}}/{{model}}.csv",
    log:
        f"{LOGS}/search/{{task}}/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/search/{{task}}/{{model}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt
        * training_mb(STUDY["tasks"][w.task]["dataset"], w.model),
        runtime=lambda w, attempt: attempt * minutes(search_seconds(w.task, w.model)),
        gpu=gpus(),
    params:
        *code_of("scripts/search.py"),
        code=lambda w: trained_code("scripts/search.py", w.model),
        task=lambda w: w.task,
        settings=lambda w: training_settings(w.model),
        search=STUDY["search"],
        seed=STUDY["seed"],
        device=STUDY["device"],
    message:
        "Choosing the learning rate of {wildcards.model}, {wildcards.task}"
    script:
        "../../scripts/search.py"


rule search_table:
    input:
        tables=search_files(),
    output:
        table=report(
            f"{TABLES}/search.csv",
            caption="../report/tables.rst",
            category="Training",
            subcategory="both tasks",
            labels={"result": "learning rates tried", "of": "all models"},
        ),
    log:
        f"{LOGS}/search_table.log",
    benchmark:
        f"{BENCHMARKS}/search_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/search_table.py"),
    message:
        "Tabulating the learning rates that were tried"
    script:
        "../../scripts/search_table.py"


rule train:
    input:
        dataset=f"{RESULTS}/datasets/{{dataset}}.h5",
        search=lambda w: search_files([task_of(w.dataset)], [w.model]),
    output:
        weights=f"{RESULTS}/runs/{{dataset}}/{{model}}/{{block}}/weights.h5",
        settings=f"{RESULTS}/runs/{{dataset}}/{{model}}/{{block}}/settings.json",
        history=f"{RESULTS}/runs/{{dataset}}/{{model}}/{{block}}/history.csv",
        runs=f"{RESULTS}/runs/{{dataset}}/{{model}}/{{block}}/runs.csv",
    log:
        f"{LOGS}/train/{{dataset}}/{{model}}/{{block}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{dataset}}/{{model}}/{{block}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    # Seeds share one batched computation; a second thread makes such small tensors slower, and results then depend
    # on --cores.
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt * training_mb(w.dataset, w.model),
        runtime=lambda w, attempt: attempt
        * minutes(training_seconds(w.dataset, w.model, int(w.block))),
        gpu=gpus(),
    params:
        *code_of("scripts/train.py"),
        code=lambda w: trained_code("scripts/train.py", w.model),
        task=lambda w: task_of(w.dataset),
        model=lambda w: w.model,
        settings=lambda w: training_settings(w.model),
        seeds=lambda w: seed_blocks(w.dataset, w.model)[int(w.block)],
        success=STUDY["success"],
        seed=STUDY["seed"],
        device=STUDY["device"],
        # Not among the outputs, so that clean-up after a kill leaves it.
        checkpoint=lambda w: f"{RESULTS}/checkpoints/{w.dataset}/{w.model}/{w.block}.h5",
    message:
        "Training {wildcards.model} on {wildcards.dataset}, block {wildcards.block} of its seeds"
    script:
        "../../scripts/train.py"


rule runs_table:
    input:
        runs=run_files("runs.csv", sizes=True),
    output:
        table=report(
            f"{TABLES}/runs.csv",
            caption="../report/tables.rst",
            category="Training",
            subcategory="both tasks",
            labels={"result": "runs", "of": "all models"},
        ),
    log:
        f"{LOGS}/runs_table.log",
    benchmark:
        f"{BENCHMARKS}/runs_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/runs_table.py"),
    message:
        "Tabulating the runs"
    script:
        "../../scripts/runs_table.py"
