"""The code that a job is told of is all that it uses, for every sample of the default study."""

import sys

import pytest
from test_plan import ROOT, raw

from toponn.data.recipes import Recipe
from toponn.labels.phase_maps import phase_map
from toponn.matter.geometry import square_of
from toponn.study.code import Code
from toponn.study.plan import Plan
from toponn.study.read import read_study
from toponn.tools.jobcode import CodeError, _Held, is_row

PLAN = Plan(read_study(raw()))
CODE = Code(ROOT, PLAN)
RECIPE = ("system", "shape", "lattice", "parameters", "disorder", "interface")


def recipes(section, entry):
    """Return the keywords of recipes that stand for the samples of an entry of the study."""
    keys = {key: value for key, value in entry.model_dump().items() if key in RECIPE}
    if section in ("datasets", "interfaces"):
        return [{"disorder": [], **keys}]
    if section == "ceiling":
        keys["disorder"] = [{"name": entry.disorder, "strength": 1.0}]
    points = entry.points if section == "convergence" else [entry.parameters]
    return [{**keys, "shape": square_of(entry.system, entry.lengths[0]), "parameters": dict(point)} for point in points]


@pytest.fixture
def held(monkeypatch):
    """Return a function that lets only these rows of families be used, as in a job."""

    def let(told):
        rows = _Held([])
        rows.rows = {text for text in told if is_row(text.rpartition(" ")[2])}
        monkeypatch.setattr(rows, "find_spec", lambda *_: None)
        monkeypatch.setattr(sys, "meta_path", [rows, *(finder for finder in sys.meta_path if finder is not rows)])

    return let


ENTRIES = [
    (section, name)
    for section in ("datasets", "interfaces", "convergence", "ceiling")
    for name in getattr(PLAN.study, section)
]


@pytest.mark.parametrize(("section", "name"), ENTRIES)
def test_samples_are_drawn_by_the_rows_that_their_rule_names(held, section, name):
    entry = getattr(PLAN.study, section)[name]
    held(CODE.system("scripts/dataset.py", entry))
    for keywords in recipes(section, entry):
        recipe = Recipe.of(name=name, seed=1, **keywords)
        assert repr(recipe.draw(range(1))).startswith(f"{entry.system}[") and recipe.kappa > 0


@pytest.mark.parametrize("name", PLAN.study.maps)
def test_maps_are_labelled_by_the_rows_that_their_rule_names(held, name):
    entry = PLAN.study.maps[name]
    held(CODE.system("scripts/phase_map.py", entry))
    phase_map(name=name, seed=1, **entry.model_dump() | {"cells": [2, 2], "samples": 1})


def test_a_row_that_no_parameter_names_is_refused(held):
    held([])
    keywords = recipes("datasets", PLAN.study.datasets["qwz_8"])[0]
    with pytest.raises(CodeError, match=r"qwz \(.+\): the parameters of this job's rule do not name it"):
        Recipe.of(name="qwz_8", seed=1, **keywords)
