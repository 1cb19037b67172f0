# Generalization: fixed weights on every test without refitting, lattices left out, two phases in one sample, large samples.


rule evaluate:
    input:
        weights=lambda w: tested_runs(w, "weights.h5"),
        settings=lambda w: tested_runs(w, "settings.json"),
        dataset="<results>/datasets/{test}.h5",
    output:
        table="<results>/generalization/{task}/{variant}/{test}.csv",
        predictions="<results>/generalization/{task}/{variant}/{test}.h5",
    log:
        "<logs>/evaluate/{task}/{variant}/{test}.log",
    benchmark:
        "<benchmarks>/evaluate/{task}/{variant}/{test}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.evaluate(w.task, w.variant, w.test)),
        gpu=GPUS,
    params:
        *CODE.of("scripts/evaluate.py"),
        code=lambda w: CODE.model("scripts/evaluate.py", w.variant),
        kind=lambda w: PLAN.kinds(w.task)[w.test],
        seeds=lambda w: LIMITS.test_seeds(w.task, w.variant, w.test),
        device=DEVICE,
        columns=unordered("generalization"),
    message:
        "Testing {wildcards.variant} on {wildcards.test}"
    script:
        "../../scripts/evaluate.py"


rule evaluate_left_out:
    input:
        weights=lambda w: PLAN.left_out_runs(w.task, w.variant, "weights.h5"),
        settings=lambda w: PLAN.left_out_runs(w.task, w.variant, "settings.json"),
        datasets=lambda w: PLAN.dataset_files(PLAN.left_out(w.task)[0]),
    output:
        table="<results>/left_out/{task}/{variant}.csv",
        predictions="<results>/left_out/{task}/{variant}.h5",
    log:
        "<logs>/evaluate_left_out/{task}/{variant}.log",
    benchmark:
        "<benchmarks>/evaluate_left_out/{task}/{variant}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.evaluate_left_out(w.task)),
        gpu=GPUS,
    params:
        *CODE.of("scripts/evaluate_left_out.py"),
        code=lambda w: CODE.model("scripts/evaluate_left_out.py", w.variant),
        datasets=lambda w: PLAN.left_out(w.task)[0],
        seeds=lambda w: PLAN.left_out(w.task)[2],
        device=DEVICE,
        columns=unordered("left_out"),
    message:
        "Testing {wildcards.variant} on the lattices that were left out, {wildcards.task}"
    script:
        "../../scripts/evaluate_left_out.py"


rule interface:
    input:
        weights=lambda w: interface_runs(w, "weights.h5"),
        settings=lambda w: interface_runs(w, "settings.json"),
    output:
        table="<results>/interfaces/{interface}.csv",
        markers="<results>/interfaces/{interface}.h5",
    log:
        "<logs>/interface/{interface}.log",
    benchmark:
        "<benchmarks>/interface/{interface}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.interface(w.interface)),
    params:
        *CODE.of("scripts/interface.py"),
        code=lambda w: CODE.model(
            "scripts/interface.py", STUDY.interfaces[w.interface].model
        ),
        system=lambda w: CODE.system(
            "scripts/interface.py", STUDY.interfaces[w.interface]
        ),
        name=lambda w: w.interface,
        recipe=lambda w: {
            k: v
            for k, v in plain(STUDY.interfaces[w.interface]).items()
            if k != "model"
        },
        seed=SEED,
        columns=unordered("interfaces"),
    message:
        "Looking at the density of the rings over two phases, {wildcards.interface}"
    script:
        "../../scripts/interface.py"


if PLAN.beyond:

    rule beyond_dense:
        input:
            weights=beyond_run("weights.h5"),
            settings=beyond_run("settings.json"),
        output:
            table=reported(
                "<tables>/beyond_dense.csv", "Generalization", "beyond dense matrices"
            ),
            exponents=reported(
                "<tables>/beyond_dense_exponents.csv",
                "Generalization",
                "exponents of the cost",
            ),
        log:
            "<logs>/beyond_dense.log",
        benchmark:
            "<benchmarks>/beyond_dense.tsv"
        conda:
            "../../envs/toponn.yaml"
        resources:
            **asks(lambda w: LIMITS.beyond_dense()),
        params:
            *CODE.of("scripts/beyond_dense.py"),
            code=CODE.model("scripts/beyond_dense.py", PLAN.beyond.model),
            system=CODE.system("scripts/beyond_dense.py", *PLAN.beyond.samples.values()),
            recipe={k: v for k, v in plain(PLAN.beyond).items() if k != "model"},
            seed=SEED,
            columns=columns("beyond_dense", "trainability"),
        message:
            "Evaluating rings on samples beyond dense matrices"
        script:
            "../../scripts/beyond_dense.py"
