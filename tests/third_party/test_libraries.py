import os
from collections import Counter

import matplotlib
import numpy as np
import pytest
from libraries import ENOUGH, LIBRARIES, library, missing

REQUIRED = "TOPONN_REQUIRE_THIRD_PARTY"


def too_few(reasons, environment):
    """Return why a run that must compare cannot, or None."""
    if environment.get(REQUIRED, "0") in ("", "0") or len(LIBRARIES) - len(reasons) >= ENOUGH:
        return None
    return f"{REQUIRED}: fewer than {ENOUGH} libraries can be imported: {reasons}"


def test_a_run_that_must_compare_finds_three_libraries():
    assert (failure := too_few(missing(), os.environ)) is None, failure


def test_a_run_that_must_compare_fails_with_two_libraries_alone():
    reasons = dict.fromkeys(list(LIBRARIES)[2:], "ImportError: not there")
    assert "not there" in too_few(reasons, {REQUIRED: "1"})
    assert too_few(reasons, {}) is None
    assert too_few(reasons, {REQUIRED: "0"}) is None
    assert too_few(dict(list(reasons.items())[1:]), {REQUIRED: "1"}) is None


def test_at_least_sixty_cases_are_collected_and_some_for_every_library(cases):
    by_file = Counter(name for name, _ in set(cases))
    assert by_file.total() >= 60, by_file
    assert min(by_file.values()) >= 8, by_file


@pytest.mark.parametrize("name", LIBRARIES)
def test_importing_a_library_changes_neither_matplotlib_nor_numpy(name):
    before = dict(matplotlib.rcParams), np.geterr(), np.get_printoptions()
    try:
        library(name)
    except ImportError as error:
        pytest.skip(f"{LIBRARIES[name]} cannot be imported ({error})")
    assert (dict(matplotlib.rcParams), np.geterr(), np.get_printoptions()) == before
