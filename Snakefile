# The targets. What makes them is in workflow/rules, by theme; the study itself is config.yaml.
from snakemake.utils import min_version

min_version("9.21")


# Before Snakemake reads it: broken YAML, and what would run or explode, is refused in one sentence.
include: "workflow/rules/config_files.smk"


configfile: "workflow/studies/labels.yaml"
configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/trainability.smk"
include: "workflow/rules/generalization.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/run.smk"


if workflow.output_settings.dryrun:
    print(
        f"The study {STUDY.study} takes about {LIMITS.hours():.1f} core-hours from nothing.",
        file=sys.stderr,
    )


rule all:
    default_target: True
    input:
        PLAN.dataset_files(),
        map_files(),
        table_files(),
        figure_files(),
        answer_files(),
        f"{PLAN.results}/claims.html",
    message:
        f"The study {STUDY.study} is complete"


rule datasets:
    input:
        PLAN.dataset_files(),
        f"{PLAN.tables}/references.csv",
    message:
        "The datasets are there"


rule labels:
    input:
        map_files(),
        joined("convergence"),
        joined("ceiling"),
        figure_files("phase_map", "convergence", "ceiling"),
    message:
        "The studies of the labels are there"


rule training:
    input:
        PLAN.run_files("settings.json", sizes=True),
        joined("runs"),
        joined("search"),
        figure_files("learning_curves"),
    message:
        "The trained models are there"


rule trainability:
    input:
        [
            path
            for path in table_files()
            if Path(path).stem in ("trainability", "diagnostics", "proxies")
        ],
        figure_files("success", "sizes", "site_tensors", "proxies"),
        figure_files("overlap", *FACTS.diagnosed),
    message:
        "The diagnostics of training are there"


rule generalization:
    input:
        f"{PLAN.tables}/generalization.csv",
        f"{PLAN.tables}/generalization_summary.csv",
        f"{PLAN.tables}/superiority.csv",
        joined("interfaces"),
        left_out_tables(),
        beyond_tables(),
        figure_files("generalization", "left_out", "superiority", "transfer"),
        figure_files("interface", "beyond_dense"),
    message:
        "The tests of generalization are there"


rule figures:
    input:
        figure_files(),
    message:
        "The figures are there"
