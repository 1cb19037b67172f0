# Claims: what the source paper states, against what was measured.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    claims_table,


rule claims_table:
    input:
        runs=f"{TABLES}/runs.csv",
        trainability=f"{TABLES}/trainability.csv",
        generalization=f"{TABLES}/generalization.csv",
        summary=f"{TABLES}/generalization_summary.csv",
        references=f"{TABLES}/references.csv",
    output:
        table=report(
            f"{TABLES}/claims.csv",
            caption="../report/tables.rst",
            category="Claims",
            subcategory="both tasks",
            labels={"result": "verdicts", "of": "all claims"},
        ),
    log:
        f"{LOGS}/claims_table.log",
    benchmark:
        f"{BENCHMARKS}/claims_table.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/claims_table.py"),
        seed=STUDY["seed"],
    message:
        "Confronting the claims with the tables"
    script:
        "../../scripts/claims_table.py"
