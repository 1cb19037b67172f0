# The targets. What makes them is in workflow/rules, by theme; the study itself is config.yaml.
from snakemake.utils import min_version

min_version("9.21")


# Before Snakemake reads it: broken YAML, and what would run or explode, is refused in one sentence.
include: "workflow/rules/config_files.smk"


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/limits.smk"
include: "workflow/rules/run.smk"


if workflow.output_settings.dryrun:
    print(
        f"The study {STUDY['study']} takes about {expected_hours():.1f} core-hours from nothing.",
        file=sys.stderr,
    )


rule all:
    input:
        dataset_files(),
        map_files(),
        table_files(),
        figure_files(),
        answer_files(),
    message:
        f"The study {STUDY['study']} is complete"


rule datasets:
    input:
        dataset_files(),
        f"{TABLES}/references.csv",
    message:
        "The datasets are there"


rule labels:
    input:
        map_files(),
        label_table_files(),
        figure_files("phase_map", "convergence", "ceiling"),
    message:
        "The studies of the labels are there"


rule training:
    input:
        run_files("settings.json", sizes=True),
        f"{TABLES}/runs.csv",
        search_table_file(),
        figure_files("learning_curves"),
    message:
        "The trained models are there"


rule trainability:
    input:
        f"{TABLES}/trainability.csv",
        f"{TABLES}/route_exponents.csv",
        diagnostic_tables(),
        figure_files(
            "success",
            "sizes",
            "route_costs",
            "site_tensors",
            "proxies",
            "overlap",
            *DIAGNOSTIC_FIGURES,
        ),
    message:
        "The diagnostics of training are there"


rule generalization:
    input:
        f"{TABLES}/generalization.csv",
        f"{TABLES}/generalization_summary.csv",
        f"{TABLES}/superiority.csv",
        interface_tables(),
        left_out_tables(),
        beyond_tables(),
        figure_files(
            "generalization",
            "left_out",
            "superiority",
            "transfer",
            "interface",
            "beyond_dense",
        ),
    message:
        "The tests of generalization are there"


rule figures:
    input:
        figure_files(),
    message:
        "The figures are there"


include: "workflow/rules/datasets.smk"
include: "workflow/rules/labels.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/trainability.smk"
include: "workflow/rules/generalization.smk"
include: "workflow/rules/left_out.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/figures_trainability.smk"
