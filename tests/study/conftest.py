"""Hundreds of studies that differ from the default one in one entry: each recipe is checked once."""

import pytest

from toponn.study import meaning


@pytest.fixture(autouse=True)
def _recipes_are_checked_once(monkeypatch):
    monkeypatch.setattr(meaning, "check_dataset", _check_dataset)


def _check_dataset(recipe, where, check=meaning.check_dataset, found_good=set()):  # noqa: B006 kept between tests
    key = (where, repr(recipe))
    if key not in found_good:
        check(recipe, where)
        found_good.add(key)
