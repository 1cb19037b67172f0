# Labels: phase diagrams, convergence with size, and how often independent estimators agree.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    convergence_table,
    ceiling_table,


rule phase_map:
    output:
        map=f"{RESULTS}/maps/{{map}}.h5",
    log:
        f"{LOGS}/phase_map/{{map}}.log",
    benchmark:
        f"{BENCHMARKS}/phase_map/{{map}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt * map_mb(w.map),
        runtime=lambda w, attempt: attempt * minutes(map_seconds(w.map)),
    params:
        *code_of("scripts/phase_map.py"),
        system=lambda w: system_code("scripts/phase_map.py", STUDY["maps"][w.map]),
        name=lambda w: w.map,
        recipe=lambda w: STUDY["maps"][w.map],
        seed=STUDY["seed"],
    message:
        "Labelling the plane of {wildcards.map}"
    script:
        "../../scripts/phase_map.py"


rule convergence:
    output:
        table=f"{RESULTS}/convergence/{{convergence}}.csv",
    log:
        f"{LOGS}/convergence/{{convergence}}.log",
    benchmark:
        f"{BENCHMARKS}/convergence/{{convergence}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt
        * sizes_mb(STUDY["convergence"][w.convergence]),
        runtime=lambda w, attempt: attempt
        * minutes(sizes_seconds(STUDY["convergence"][w.convergence])),
    params:
        *code_of("scripts/convergence.py"),
        system=lambda w: system_code(
            "scripts/convergence.py", STUDY["convergence"][w.convergence]
        ),
        name=lambda w: w.convergence,
        recipe=lambda w: STUDY["convergence"][w.convergence],
        seed=STUDY["seed"],
    message:
        "Measuring the error of every estimator against size, {wildcards.convergence}"
    script:
        "../../scripts/convergence.py"


rule ceiling:
    output:
        table=f"{RESULTS}/ceiling/{{ceiling}}.csv",
    log:
        f"{LOGS}/ceiling/{{ceiling}}.log",
    benchmark:
        f"{BENCHMARKS}/ceiling/{{ceiling}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt * sizes_mb(STUDY["ceiling"][w.ceiling]),
        runtime=lambda w, attempt: attempt
        * minutes(sizes_seconds(STUDY["ceiling"][w.ceiling])),
    params:
        *code_of("scripts/ceiling.py"),
        system=lambda w: system_code("scripts/ceiling.py", STUDY["ceiling"][w.ceiling]),
        name=lambda w: w.ceiling,
        recipe=lambda w: STUDY["ceiling"][w.ceiling],
        seed=STUDY["seed"],
    message:
        "Counting how often independent estimators agree, {wildcards.ceiling}"
    script:
        "../../scripts/ceiling.py"


rule convergence_table:
    input:
        tables=expand(f"{RESULTS}/convergence/{{name}}.csv", name=STUDY["convergence"]),
    output:
        table=report(
            f"{TABLES}/convergence.csv",
            caption="../report/tables.rst",
            category="Labels",
            subcategory="both tasks",
            labels={"result": "error against size", "of": "all estimators"},
        ),
    log:
        f"{LOGS}/convergence_table.log",
    benchmark:
        f"{BENCHMARKS}/convergence_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/convergence_table.py"),
    message:
        "Tabulating the errors of the estimators"
    script:
        "../../scripts/convergence_table.py"


rule ceiling_table:
    input:
        tables=expand(f"{RESULTS}/ceiling/{{name}}.csv", name=STUDY["ceiling"]),
    output:
        table=report(
            f"{TABLES}/ceiling.csv",
            caption="../report/tables.rst",
            category="Labels",
            subcategory="both tasks",
            labels={"result": "agreement of estimators", "of": "all pairs"},
        ),
    log:
        f"{LOGS}/ceiling_table.log",
    benchmark:
        f"{BENCHMARKS}/ceiling_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/ceiling_table.py"),
    message:
        "Tabulating how often the estimators agree"
    script:
        "../../scripts/ceiling_table.py"
