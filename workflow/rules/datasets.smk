# Datasets and labels: samples in HDF5, phase diagrams, convergence with size, and how often independent estimators agree.


rule dataset:
    output:
        dataset="<results>/datasets/{dataset}.h5",
    log:
        "<logs>/dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/dataset/{dataset}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.dataset(w.dataset)),
    params:
        *CODE.of("scripts/dataset.py"),
        system=lambda w: CODE.system("scripts/dataset.py", STUDY.datasets[w.dataset]),
        name=lambda w: w.dataset,
        recipe=lambda w: plain(STUDY.datasets[w.dataset]),
        seed=SEED,
    message:
        "Drawing and labelling the samples of {wildcards.dataset}"
    script:
        "../../scripts/dataset.py"


rule phase_map:
    output:
        map="<results>/maps/{map}.h5",
    log:
        "<logs>/phase_map/{map}.log",
    benchmark:
        "<benchmarks>/phase_map/{map}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.phase_map(w.map)),
    params:
        *CODE.of("scripts/phase_map.py"),
        system=lambda w: CODE.system("scripts/phase_map.py", STUDY.maps[w.map]),
        name=lambda w: w.map,
        recipe=lambda w: plain(STUDY.maps[w.map]),
        seed=SEED,
    message:
        "Labelling the plane of {wildcards.map}"
    script:
        "../../scripts/phase_map.py"


rule convergence:
    output:
        table="<results>/convergence/{convergence}.csv",
    log:
        "<logs>/convergence/{convergence}.log",
    benchmark:
        "<benchmarks>/convergence/{convergence}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.convergence(w.convergence)),
    params:
        *CODE.of("scripts/convergence.py"),
        system=lambda w: CODE.system(
            "scripts/convergence.py", STUDY.convergence[w.convergence]
        ),
        name=lambda w: w.convergence,
        recipe=lambda w: plain(STUDY.convergence[w.convergence]),
        seed=SEED,
    message:
        "Measuring the error of every estimator against size, {wildcards.convergence}"
    script:
        "../../scripts/convergence.py"


rule ceiling:
    output:
        table="<results>/ceiling/{ceiling}.csv",
    log:
        "<logs>/ceiling/{ceiling}.log",
    benchmark:
        "<benchmarks>/ceiling/{ceiling}.tsv"
    conda:
        "../../envs/toponn.yaml"
    resources:
        **asks(lambda w: LIMITS.ceiling(w.ceiling)),
    params:
        *CODE.of("scripts/ceiling.py"),
        system=lambda w: CODE.system("scripts/ceiling.py", STUDY.ceiling[w.ceiling]),
        name=lambda w: w.ceiling,
        recipe=lambda w: plain(STUDY.ceiling[w.ceiling]),
        seed=SEED,
    message:
        "Counting how often independent estimators agree, {wildcards.ceiling}"
    script:
        "../../scripts/ceiling.py"
