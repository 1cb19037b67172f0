# Trainability: whether a model can express the invariant, how often training finds it, and what it finds.


rule expressivity:
    input:
        dataset=home_file,
    output:
        table="<results>/trainability/{task}/expressivity.csv",
    log:
        "<logs>/expressivity/{task}.log",
    benchmark:
        "<benchmarks>/expressivity/{task}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.expressivity(w.task)),
    params:
        *CODE.of("scripts/expressivity.py"),
        system=lambda w: CODE.system(
            "scripts/expressivity.py", STUDY.datasets[PLAN.home(w.task)]
        ),
        recipe=lambda w: plain(STUDY.datasets[PLAN.home(w.task)]),
        columns=unordered("trainability"),
    message:
        "Comparing the closed form with the reference formula, {wildcards.task}"
    script:
        "../../scripts/expressivity.py"


rule diagnose:
    input:
        home=home_file,
        smaller=lambda w: role_files(w, "smaller"),
        clean=lambda w: role_files(w, "clean"),
        many=lambda w: role_files(w, "many"),
        scaling=lambda w: role_files(w, "scaling"),
        search=lambda w: PLAN.search_files([w.task], [w.variant]),
        weights=lambda w: diagnosed_runs(w, "weights.h5"),
        settings=lambda w: diagnosed_runs(w, "settings.json"),
    output:
        table="<results>/trainability/{task}/{diagnostic}/{variant}.csv",
        arrays="<results>/trainability/{task}/{diagnostic}/{variant}.h5",
    log:
        "<logs>/diagnose/{task}/{diagnostic}/{variant}.log",
    benchmark:
        "<benchmarks>/diagnose/{task}/{diagnostic}/{variant}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.diagnose(w.task, w.diagnostic, w.variant)),
        gpu=GPUS,
    params:
        *CODE.of("scripts/diagnose.py"),
        code=lambda w: CODE.model("scripts/diagnose.py", w.variant),
        measure=lambda w: CODE.member(
            "scripts/diagnose.py", *2 * [STUDY.trainability[w.diagnostic].row]
        ),
        task=lambda w: w.task,
        diagnostic=lambda w: w.diagnostic,
        row=lambda w: STUDY.trainability[w.diagnostic].row,
        variant=variant_of,
        roles=lambda w: [role for role in ROLES if role_files(w, role)],
        options=lambda w: PLAN.diagnostic_options(w.task, w.diagnostic, w.variant),
        runs=diagnosed_seeds,
        success=SUCCESS,
        seed=SEED,
        device=DEVICE,
        columns=unordered("diagnostics"),
    message:
        "Taking training apart: {wildcards.diagnostic} of {wildcards.variant}, {wildcards.task}"
    script:
        "../../scripts/diagnose.py"


rule site_tensors:
    input:
        dataset=home_file,
        weights=lambda w: ring_blocks(w.task, "weights.h5"),
        settings=lambda w: ring_blocks(w.task, "settings.json"),
    output:
        tensors="<results>/trainability/{task}/site_tensors.h5",
        table="<results>/trainability/{task}/site_tensors.csv",
    log:
        "<logs>/site_tensors/{task}.log",
    benchmark:
        "<benchmarks>/site_tensors/{task}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.expressivity(w.task)),
    params:
        *CODE.of("scripts/site_tensors.py"),
        code=lambda w: CODE.model("scripts/site_tensors.py", *PLAN.rings(w.task)),
        seeds=lambda w: {
            v: min(STUDY.models[v].seeds, STUDY.block) for v in PLAN.rings(w.task)
        },
        columns=unordered("trainability"),
    message:
        "Reading off the learned site tensors, {wildcards.task}"
    script:
        "../../scripts/site_tensors.py"


rule proxies:
    input:
        home=home_file,
        tests=lambda w: PLAN.dataset_files(list(PLAN.kinds(w.task))[1:]),
        predictions=lambda w: PLAN.evaluation_files("h5", [w.task]),
    output:
        proxies="<results>/trainability/{task}/proxies.csv",
        overlap="<results>/trainability/{task}/overlap.csv",
    log:
        "<logs>/proxies/{task}.log",
    benchmark:
        "<benchmarks>/proxies/{task}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.proxies(w.task)),
    params:
        *CODE.of("scripts/proxies.py"),
        image=CODE.members("scripts/proxies.py", (ENCODINGS, "cell_image")),
        task=lambda w: w.task,
        seed=SEED,
        columns=unordered("proxies", "diagnostics"),
    message:
        "Confronting the models with proxies of the invariant, {wildcards.task}"
    script:
        "../../scripts/proxies.py"
