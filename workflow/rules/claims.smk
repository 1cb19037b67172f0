# Claims: what the source paper states, against what was measured; and the page that answers the study's question.


# On a cluster these stay where snakemake runs: starting a job takes longer.
localrules:
    claims_table,
    answers,


rule claims_table:
    input:
        runs=f"{TABLES}/runs.csv",
        trainability=f"{TABLES}/trainability.csv",
        generalization=f"{TABLES}/generalization.csv",
        summary=f"{TABLES}/generalization_summary.csv",
        superiority=f"{TABLES}/superiority.csv",
        references=f"{TABLES}/references.csv",
        proxies=[f"{TABLES}/proxies.csv"] if proxy_files("proxies") else [],
        left_out=left_out_tables()[1:],
        interfaces=interface_tables(),
        figures=[path for path in claim_figures() if path.endswith(".png")],
    output:
        table=report(
            f"{TABLES}/claims.csv",
            caption="../report/tables.rst",
            category="Claims",
            subcategory="both tasks",
            labels={"result": "verdicts", "of": "all claims"},
        ),
        page=report(
            f"{RESULTS}/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            subcategory="both tasks",
            labels={"result": "one page of verdicts", "of": "all claims"},
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


rule answers:
    input:
        runs=f"{TABLES}/runs.csv",
        trainability=f"{TABLES}/trainability.csv",
        proxies=f"{TABLES}/proxies.csv",
        summary=f"{TABLES}/generalization_summary.csv",
        figures=[path for path in answer_figures() if path.endswith(".png")],
    output:
        table=report(
            f"{TABLES}/answers.csv",
            caption="../report/tables.rst",
            category="Answers",
            subcategory="both tasks",
            labels={"result": "statements", "of": "all models"},
        ),
        page=report(
            f"{RESULTS}/answers.html",
            caption="../report/answers.rst",
            category="Answers",
            subcategory="both tasks",
            labels={"result": "one page of answers", "of": "all models"},
        ),
    log:
        f"{LOGS}/answers.log",
    benchmark:
        f"{BENCHMARKS}/answers.tsv"
    conda:
        "../../envs/toponn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        *code_of("scripts/answers.py"),
        homes={task: STUDY["tasks"][task]["dataset"] for task in TASKS},
        tests={task: honest_tests(STUDY, task) for task in TASKS},
    message:
        "Answering which models learn the invariant and which a proxy"
    script:
        "../../scripts/answers.py"
