"""What the real Snakefile plans before anything was run."""

import re
from math import ceil

import pytest
from conftest import QUICK, SMALL, planned

LABELS = {"maps": "phase_map", "convergence": "convergence", "ceiling": "ceiling"}
SECTIONS = LABELS | {"interfaces": "interface"}


def _expected(study: dict) -> dict[str, int]:
    """Return the number of jobs of each rule, counted from the study by hand."""
    tasks, models = study["tasks"].values(), study["models"]
    sized = [task["sizes"] for task in tasks if task.get("sizes", {}).get("models")]
    used = {task["dataset"] for task in tasks}
    used |= {name for task in tasks for names in task["tests"].values() for name in names}
    used |= {name for sizes in sized for name in sizes["datasets"]}
    used |= {name for task in tasks for role in ("proxies", "smaller", "scaling") for name in task[role]}
    used |= {task[role] for task in tasks for role in ("clean", "many") if task.get(role)}
    left_out = [task["left_out"] for task in tasks if "left_out" in task]
    used |= {name for parts in left_out for name in parts["datasets"]}
    trained = [model for task in tasks for model in task["models"]]
    at_sizes = [
        min(models[model]["seeds"], sizes.get("seeds", models[model]["seeds"]))
        for sizes in sized
        for _ in sizes["datasets"]
        for model in sizes["models"]
    ]
    diagnosed = [model for task in tasks for model in task["diagnosed"]["models"]]
    rings = [model for model in diagnosed if models[model]["model"].endswith("_ring")]
    convex = [model for model in diagnosed if "training" not in models[model]]
    rates = ("learning_rate", "weight_decay")
    searched = [m for m in trained if any(isinstance(models[m].get("training", {}).get(rate), list) for rate in rates)]
    tested = [
        (model, test)
        for task in tasks
        for model in task["models"]
        if models[model].get("start") != "closed_form"
        for test in [task["dataset"], *(t for tests in task["tests"].values() for t in tests), *task["proxies"]]
    ]
    per_task = ("expressivity", "figure_learning_curves", "figure_success", "figure_generalization")
    with_proxies = ("proxies", "figure_proxies", "figure_overlap")
    taken_apart = "landscape remedies hessian kernel rates sample_sizes gradients basin pruning decoupling".split()
    with_sites = [task for task in tasks if {"ring_coordinate", "ring_free"} & set(task["models"])]
    tables = ("runs_table", "references_table", "generalization_table", "trainability_table", "claims_table")
    tables += ("search_table", "convergence_table", "ceiling_table")
    tables += ("diagnostics_table", "proxies_table", "answers", "interfaces_table")
    tables += ("beyond_dense", "figure_beyond_dense")
    return {
        "dataset": len(used),
        "search": len(searched),
        "train": sum(ceil(n / study["block"]) for n in [models[m]["seeds"] for m in trained] + at_sizes),
        # Twelve diagnostics, of which three are for rings and five for models that are trained step by step alone.
        "diagnose": 4 * len(diagnosed) + 5 * (len(diagnosed) - len(convex)) + 3 * len(rings),
        "figure_sizes": len(sized),
        "evaluate": len(tested),
        "train_left_out": sum(len(parts["datasets"]) * len(parts["models"]) for parts in left_out),
        "evaluate_left_out": sum(len(parts["models"]) for parts in left_out),
        "left_out_table": 1,
        "figure_left_out": len(left_out),
        **{rule: len(study[section]) for section, rules in SECTIONS.items() for rule in (rules, f"figure_{rules}")},
        **dict.fromkeys(per_task, len(tasks)),
        **dict.fromkeys(with_proxies, sum(bool(task["proxies"]) for task in tasks)),
        **{f"figure_{kind}": sum(bool(task["diagnosed"]["models"]) for task in tasks) for kind in taken_apart},
        **dict.fromkeys(("site_tensors", "figure_site_tensors"), len(with_sites)),
        "figure_superiority": sum("ring_coordinate" in task["models"] for task in tasks),
        "figure_transfer": sum(bool(task["tests"]["sizes"]) for task in tasks),
        **dict.fromkeys(tables, 1),
    }


@pytest.fixture(scope="module")
def plans(fresh_project):
    """Return the finished dry runs of all studies by their overlays."""
    given = {overlay: ("--configfile", overlay) if overlay else () for overlay in (None, SMALL, QUICK)}
    return {overlay: fresh_project.snakemake("-n", "-q", "rules", *options) for overlay, options in given.items()}


@pytest.mark.parametrize("overlay", [None, SMALL, QUICK])
def test_an_empty_folder_gets_one_job_for_each_dataset_block_model_table_and_figure(fresh_project, plans, overlay):
    assert planned(plans[overlay]) == _expected(fresh_project.study(overlay))


def test_the_small_study_of_the_tests_runs_every_rule_of_the_quick_one(plans):
    assert planned(plans[SMALL]).keys() == planned(plans[QUICK]).keys()


def test_a_dry_run_says_what_the_study_takes_and_the_default_one_takes_more(plans):
    hours = {}
    for overlay in (QUICK, None):
        (found,) = re.findall(r"The study (\w+) takes about ([\d.]+) core-hours from nothing", plans[overlay].stderr)
        hours[found[0]] = float(found[1])
    assert 0 < 5 * hours["quick"] < hours["default"]


def test_a_stage_is_a_target_of_its_own(fresh_project, plans):
    whole = planned(plans[SMALL])
    plan = fresh_project.counts("datasets", "--configfile", SMALL)
    assert plan.keys() - {"datasets"} == {"dataset", "references_table"}
    assert plan["dataset"] == whole["dataset"]
    labels = fresh_project.counts("labels", "--configfile", SMALL)
    rules = {*LABELS.values(), *(f"figure_{rule}" for rule in LABELS.values()), "convergence_table", "ceiling_table"}
    assert labels.keys() - {"labels"} == rules
    assert labels["phase_map"] == whole["phase_map"]


@pytest.mark.parametrize("line", ["study: mine", 'study: "mine"', '"study": mine', "'study' : 'mine'  # a remark"])
def test_the_report_lies_in_the_folder_of_the_study_however_the_overlay_writes_its_name(fresh_project, line):
    path = fresh_project.root / "named.yaml"
    path.write_text(f"{line}\n", encoding="utf-8")
    run = fresh_project.command("make", "-n", "report", "CONFIG=named.yaml")
    path.unlink()
    assert run.returncode == 0 and "results/mine/report.html" in run.stdout, run.stdout + run.stderr
