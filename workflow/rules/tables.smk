# Tables of the whole study: one script joins what only has to be joined; on a cluster they are made where snakemake runs.


for table, (files, category, result) in JOINED.items():

    rule:
        name:
            f"{table}_table"
        input:
            tables=files,
        output:
            table=reported(f"<tables>/{table}.csv", category, result),
        log:
            f"<logs>/{table}_table.log",
        benchmark:
            f"<benchmarks>/{table}_table.tsv"
        localrule: True
        conda:
            "../../envs/toponn.yaml"
        params:
            *CODE.of("scripts/join_tables.py"),
            table=table,
            # Of runs the seeds that the study asks for, where a block was trained with more.
            seeds=PLAN.wanted_seeds() if table == "runs" else [],
            columns=columns(table),
        message:
            f"Joining the rows of {table}"
        script:
            "../../scripts/join_tables.py"


rule references_table:
    input:
        datasets=PLAN.dataset_files(),
    output:
        table=reported("<tables>/references.csv", "Datasets", "agreement of references"),
    log:
        "<logs>/references_table.log",
    benchmark:
        "<benchmarks>/references_table.tsv"
    localrule: True
    conda:
        "../../envs/toponn.yaml"
    params:
        *CODE.of("scripts/references_table.py"),
        columns=columns("references"),
    message:
        "Tabulating how often independent references agree"
    script:
        "../../scripts/references_table.py"


rule trainability_table:
    input:
        diagnostics=joined("diagnostics"),
        runs=PLAN.run_files("runs.csv", sizes=True),
        histories=PLAN.run_files("history.csv", sizes=True),
        expressivity=PLAN.task_files("expressivity.csv", PLAN.with_hybrids()),
        site_tensors=PLAN.task_files("site_tensors.csv", PLAN.with_rings()),
    output:
        table=reported("<tables>/trainability.csv", "Trainability", "diagnostics"),
    log:
        "<logs>/trainability_table.log",
    benchmark:
        "<benchmarks>/trainability_table.tsv"
    localrule: True
    conda:
        "../../envs/toponn.yaml"
    params:
        *CODE.of("scripts/trainability_table.py"),
        success=SUCCESS,
        seeds=PLAN.wanted_seeds(),
        inapplicable=PLAN.inapplicable(),
        seed=SEED,
        columns=columns("trainability"),
    message:
        "Tabulating how often training succeeds"
    script:
        "../../scripts/trainability_table.py"


rule generalization_table:
    input:
        tables=PLAN.evaluation_files("csv"),
        predictions=PLAN.evaluation_files("h5"),
    output:
        table=reported(
            "<tables>/generalization.csv", "Generalization", "every run on every test"
        ),
        summary=reported(
            "<tables>/generalization_summary.csv",
            "Generalization",
            "summary over runs",
        ),
        superiority=reported(
            "<tables>/superiority.csv", "Generalization", "hybrid minus best rival"
        ),
    log:
        "<logs>/generalization_table.log",
    benchmark:
        "<benchmarks>/generalization_table.tsv"
    localrule: True
    conda:
        "../../envs/toponn.yaml"
    resources:
        mem_mb=2000,
    params:
        *CODE.of("scripts/generalization_table.py"),
        kinds={task: PLAN.kinds(task) for task in TASKS},
        hybrids={task: PLAN.hybrids(task) for task in TASKS},
        rivals={task: PLAN.rivals(task) for task in TASKS},
        seed=SEED,
        columns=columns("generalization", "generalization_summary", "superiority"),
    message:
        "Summing up the tests over runs, with intervals"
    script:
        "../../scripts/generalization_table.py"


rule left_out_table:
    input:
        tables=PLAN.left_out_files("csv"),
        predictions=PLAN.left_out_files("h5"),
    output:
        table=reported(
            "<tables>/left_out.csv",
            "Generalization",
            "every run, one lattice left out",
        ),
        summary=reported(
            "<tables>/left_out_summary.csv",
            "Generalization",
            "summary, one lattice left out",
        ),
    log:
        "<logs>/left_out_table.log",
    benchmark:
        "<benchmarks>/left_out_table.tsv"
    localrule: True
    conda:
        "../../envs/toponn.yaml"
    resources:
        mem_mb=2000,
    params:
        *CODE.of("scripts/left_out_table.py"),
        seed=SEED,
        columns=columns("left_out", "left_out_summary"),
    message:
        "Summing up the tests on lattices that were left out"
    script:
        "../../scripts/left_out_table.py"


rule claims_table:
    input:
        trainability="<tables>/trainability.csv",
        generalization="<tables>/generalization.csv",
        summary="<tables>/generalization_summary.csv",
        superiority="<tables>/superiority.csv",
        references="<tables>/references.csv",
        proxies=joined("proxies"),
        left_out=left_out_tables()[1:],
        interfaces=joined("interfaces"),
        figures=pictures(*CLAIM_FIGURES),
    output:
        table=reported("<tables>/claims.csv", "Claims", "verdicts"),
        page=report(
            "<results>/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"result": "one page of verdicts", "of": "all claims"},
        ),
    log:
        "<logs>/claims_table.log",
    benchmark:
        "<benchmarks>/claims_table.tsv"
    localrule: True
    conda:
        "../../envs/toponn.yaml"
    params:
        *CODE.of("scripts/claims_table.py"),
        exact=[name for name in STUDY.models if PLAN.fact(name, "role") == "hybrid"],
        hybrids={task: PLAN.hybrids(task) for task in TASKS},
        rivals={task: PLAN.rivals(task) for task in TASKS},
        looks=FACTS.looks,
        seed=SEED,
        columns=columns("claims"),
    message:
        "Confronting the claims with the tables"
    script:
        "../../scripts/claims_table.py"


rule answers:
    input:
        runs="<tables>/runs.csv",
        trainability="<tables>/trainability.csv",
        proxies="<tables>/proxies.csv",
        summary="<tables>/generalization_summary.csv",
        figures=pictures(*ANSWER_FIGURES),
    output:
        table=reported("<tables>/answers.csv", "Answers", "statements"),
        page=report(
            "<results>/answers.html",
            caption="../report/answers.rst",
            category="Answers",
            labels={"result": "one page of answers", "of": "all models"},
        ),
    log:
        "<logs>/answers.log",
    benchmark:
        "<benchmarks>/answers.tsv"
    localrule: True
    conda:
        "../../envs/toponn.yaml"
    params:
        *CODE.of("scripts/answers.py"),
        homes={task: PLAN.home(task) for task in TASKS},
        tests={task: PLAN.honest(task) for task in TASKS},
        statements=PLAN.statements(),
        looks=FACTS.looks,
        columns=columns("answers"),
    message:
        "Answering which models learn the invariant and which a proxy"
    script:
        "../../scripts/answers.py"
