# Training: one job for each dataset, variant and block of seeds, and one search of the learning rate for each task.


rule search:
    input:
        dataset=home_file,
    output:
        table="<results>/search/{task}/{variant}.csv",
    log:
        "<logs>/search/{task}/{variant}.log",
    benchmark:
        "<benchmarks>/search/{task}/{variant}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.search(w.task, w.variant)),
        gpu=GPUS,
    params:
        *CODE.of("scripts/search.py"),
        code=lambda w: CODE.model("scripts/search.py", w.variant),
        task=lambda w: w.task,
        variant=variant_of,
        seeds=STUDY.search.seeds,
        seed=SEED,
        device=DEVICE,
    message:
        "Choosing the learning rate of {wildcards.variant}, {wildcards.task}"
    script:
        "../../scripts/search.py"


rule train:
    input:
        dataset="<results>/datasets/{dataset}.h5",
        search=lambda w: PLAN.search_files([PLAN.task_of(w.dataset)], [w.variant]),
    output:
        weights="<results>/runs/{dataset}/{variant}/{block}/weights.h5",
        settings="<results>/runs/{dataset}/{variant}/{block}/settings.json",
        history="<results>/runs/{dataset}/{variant}/{block}/history.csv",
        runs="<results>/runs/{dataset}/{variant}/{block}/runs.csv",
    log:
        "<logs>/train/{dataset}/{variant}/{block}.log",
    benchmark:
        "<benchmarks>/train/{dataset}/{variant}/{block}.tsv"
    conda:
        "../../envs/toponn.yaml"
    # Seeds share one batched computation; a second thread makes such small tensors slower, and results then depend
    # on --cores.
    threads: 1
    resources:
        **asks(lambda w: LIMITS.train(w.dataset, w.variant, int(w.block))),
        gpu=GPUS,
    params:
        *CODE.of("scripts/train.py"),
        code=lambda w: CODE.model("scripts/train.py", w.variant),
        task=lambda w: PLAN.task_of(w.dataset),
        variant=variant_of,
        seeds=lambda w: PLAN.seed_blocks(w.dataset, w.variant)[int(w.block)],
        success=SUCCESS,
        seed=SEED,
        device=DEVICE,
        # Not among the outputs, so that clean-up after a kill leaves it.
        checkpoint=lambda w: f"{PLAN.results}/checkpoints/{w.dataset}/{w.variant}/{w.block}.h5",
    message:
        "Training {wildcards.variant} on {wildcards.dataset}, block {wildcards.block} of its seeds"
    script:
        "../../scripts/train.py"


use rule train as train_left_out with:
    input:
        dataset=lambda w: PLAN.dataset_files(
            name for name in PLAN.left_out(w.task)[0] if name != w.dataset
        ),
        search=lambda w: PLAN.search_files([w.task], [w.variant]),
    output:
        weights="<results>/left_out/{task}/{dataset}/{variant}/weights.h5",
        settings="<results>/left_out/{task}/{dataset}/{variant}/settings.json",
        history="<results>/left_out/{task}/{dataset}/{variant}/history.csv",
        runs="<results>/left_out/{task}/{dataset}/{variant}/runs.csv",
    log:
        "<logs>/train_left_out/{task}/{dataset}/{variant}.log",
    benchmark:
        "<benchmarks>/train_left_out/{task}/{dataset}/{variant}.tsv"
    resources:
        **asks(lambda w: LIMITS.train_left_out(w.task, w.dataset, w.variant)),
        gpu=GPUS,
    params:
        *CODE.of("scripts/train.py"),
        code=lambda w: CODE.model("scripts/train.py", w.variant),
        task=lambda w: w.task,
        variant=variant_of,
        seeds=lambda w: PLAN.left_out_seeds(w.task, w.dataset, w.variant),
        success=SUCCESS,
        seed=SEED,
        device=DEVICE,
        together=lambda w: f"without_{w.dataset}",
        checkpoint=lambda w: f"{PLAN.results}/checkpoints/left_out/{w.task}/{w.dataset}/{w.variant}.h5",
    message:
        "Training {wildcards.variant} on all datasets but {wildcards.dataset}"
