# Datasets: one file each, and how often their independent references agree.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    references_table,


rule dataset:
    output:
        dataset=f"{RESULTS}/datasets/{{dataset}}.h5",
    log:
        f"{LOGS}/dataset/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/dataset/{{dataset}}.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: attempt * dataset_mb(w.dataset),
        runtime=lambda w, attempt: attempt * minutes(dataset_seconds(w.dataset)),
    params:
        *code_of("scripts/dataset.py"),
        system=lambda w: system_code("scripts/dataset.py", STUDY["datasets"][w.dataset]),
        name=lambda w: w.dataset,
        recipe=lambda w: STUDY["datasets"][w.dataset],
        seed=STUDY["seed"],
    message:
        "Drawing and labelling the samples of {wildcards.dataset}"
    script:
        "../../scripts/dataset.py"


rule references_table:
    input:
        datasets=dataset_files(),
    output:
        table=report(
            f"{TABLES}/references.csv",
            caption="../report/tables.rst",
            category="Datasets",
            subcategory="both tasks",
            labels={"result": "agreement of references", "of": "all datasets"},
        ),
    log:
        f"{LOGS}/references_table.log",
    benchmark:
        f"{BENCHMARKS}/references_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/references_table.py"),
    message:
        "Tabulating how often independent references agree"
    script:
        "../../scripts/references_table.py"
