"""What every rule declares, and that the profiles of clusters know the rules and hold all that the default one does."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow/rules").glob("*.smk"))]
HEAD = r"^ *(?:use )?rule ?(?:train as )?(\w*)(?: with)?:$"
RULES = {
    name or "one of a loop": text
    for parts in (re.split(HEAD, text, flags=re.MULTILINE) for text in TEXTS)
    for name, text in zip(parts[1::2], parts[2::2], strict=True)
}
LOCAL = {rule for rule, text in RULES.items() if "localrule: True" in text}
CLUSTERS = ("slurm", "generic")


def _profile(name: str) -> dict:
    return yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_a_log_a_benchmark_and_the_code_that_it_depends_on(rule):
    for key in ("log:$", "benchmark:$", r"\*CODE\.of\("):
        assert re.search(rf"^ +{key}", RULES[rule], re.MULTILINE), key


@pytest.mark.parametrize("rule", sorted(RULES.keys() - LOCAL))
def test_a_rule_that_clusters_run_asks_for_memory_and_time_by_the_work_and_for_more_when_it_is_tried_again(rule):
    assert re.search(r"^ +\*\*asks\(lambda w: LIMITS\.\w+\(", RULES[rule], re.MULTILINE)


def test_tables_and_figures_are_made_where_snakemake_runs():
    light = {rule for rule in RULES if rule.endswith("_table") or rule in ("answers", "one of a loop")}
    assert light == LOCAL


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
    for profile in (slurm, generic):
        assert profile["retries"] == 2
        assert {key: profile[key] for key in default} == default
    own = {key for key in slurm.keys() | generic.keys() if slurm.get(key) != generic.get(key)}
    assert own == {key for key in own if key.startswith(("slurm-", "cluster-generic-"))} | {
        "executor",
        "default-resources",
    }
