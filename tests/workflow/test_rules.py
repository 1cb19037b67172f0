"""What every rule declares, and that the profiles of clusters know the rules and hold all that the default one does."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow/rules").glob("*.smk"))]
HEAD = r"^ *(?:use )?rule ?(?:train as )?(\w*)(?: with)?:$"
MADE_IN_LOOPS = r'^ +name:\n +f"(.+)"$'  # whose names hold the variable of the loop, as {kind}_table
RULES = {
    name or re.search(MADE_IN_LOOPS, text, re.MULTILINE)[1]: text
    for parts in (re.split(HEAD, text, flags=re.MULTILINE) for text in TEXTS)
    for name, text in zip(parts[1::2], parts[2::2], strict=True)
}
LOCAL = {rule for rule, text in RULES.items() if "localrule: True" in text}
CLUSTERS = ("slurm", "generic")


def _profile(name: str) -> dict:
    return yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text(encoding="utf-8"))


def _scripts(text: str) -> set[str]:
    """Return the scripts that a rule runs, or whose code it takes for its own."""
    return set(re.findall(r"scripts/\w+\.py", text))


def test_every_rule_is_found():
    heads = sum(len(re.findall(r"^ *(?:use )?rule\b.*:$", text, re.MULTILINE)) for text in TEXTS)
    assert len(RULES) == heads and {"{table}_table", "figure_{kind}", "train_left_out", "beyond_dense"} <= RULES.keys()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_a_log_a_benchmark_a_message_and_the_code_that_it_depends_on(rule):
    for key in ("log:$", "benchmark:$", "message:$", r"\*CODE\.of\("):
        assert re.search(rf"^ +{key}", RULES[rule], re.MULTILINE), key
    assert len(_scripts(RULES[rule])) == 1, "the code of a rule is that of the script that it runs"
    if rule != "train_left_out":  # which takes these from train
        for key in ('conda:\n +"../../envs/toponn.yaml"$', "script:$"):
            assert re.search(rf"^ +{key}", RULES[rule], re.MULTILINE), key


def test_every_script_is_run_by_a_rule():
    run = {script for text in RULES.values() for script in _scripts(text)}
    assert run == {path.relative_to(ROOT).as_posix() for path in (ROOT / "scripts").glob("*.py")}


def test_a_rule_whose_script_learns_of_the_device_asks_for_a_card_and_no_other_does():
    on_device = {rule for rule, text in RULES.items() if "device=DEVICE" in text}
    assert on_device == {"search", "train", "train_left_out", "evaluate", "evaluate_left_out", "diagnose"}
    assert on_device == {rule for rule, text in RULES.items() if "gpu=GPUS" in text}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_told_of_a_member_of_a_family_depends_on_that_members_code(rule):
    text = RULES[rule]
    if re.search(r"variant=variant_of|weights=", text):
        assert re.search(r"code=(lambda w: )?CODE\.model\(", text)
    if re.search(r"recipe=.*STUDY\.(datasets|maps|convergence|ceiling|interfaces)", text, re.DOTALL):
        assert re.search(r"system=(lambda w: )?CODE\.system\(", text)
    if re.search(r"row=|kind=KEY", text):
        assert re.search(r"(lambda w: |=)CODE\.member\(", text)


@pytest.mark.parametrize("rule", sorted(RULES.keys() - LOCAL))
def test_a_rule_that_clusters_run_asks_for_memory_and_time_by_the_work_and_for_more_when_it_is_tried_again(rule):
    assert re.search(r"^ +\*\*asks\(lambda w: LIMITS\.\w+\(", RULES[rule], re.MULTILINE)


def test_tables_and_figures_are_made_where_snakemake_runs():
    assert {rule for rule in RULES if rule.endswith("_table") or rule in ("answers", "figure_{kind}")} == LOCAL


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_cluster_groups_rules_that_it_runs_into_groups_of_a_given_size(cluster):
    profile = _profile(cluster)
    groups = dict(entry.split("=") for entry in profile["groups"])
    assert groups.keys() <= RULES.keys() - LOCAL
    sizes = dict(entry.split("=") for entry in profile["group-components"])
    assert sizes.keys() == set(groups.values())
    assert not {"train", "train_left_out", "search"} & groups.keys()


def test_the_profiles_of_clusters_are_complete_by_themselves():
    default, slurm, generic = (_profile(name) for name in ("default", *CLUSTERS))
    assert default.pop("retries") == 0
    asked = dict(entry.split("=") for entry in default.pop("default-resources"))
    for profile in (slurm, generic):
        assert profile["retries"] == 2
        assert {key: str(profile["default-resources"][key]) for key in asked} == asked
        assert {key: profile[key] for key in default} == default
    own = {key for key in slurm.keys() | generic.keys() if slurm.get(key) != generic.get(key)}
    assert own == {key for key in own if key.startswith(("slurm-", "cluster-generic-"))} | {
        "executor",
        "default-resources",
    }
