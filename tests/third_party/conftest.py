"""Comparisons with third-party libraries: what is handed over are arrays; integers agree exactly, markers to 1e-8."""

from pathlib import Path
from types import ModuleType

import pytest
from libraries import library_or_skip

FOLDER = Path(__file__).parent
META = "test_libraries.py"
"""Holds the tests of the comparison itself, which are no cases of it."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note the collected cases, before any of them is deselected."""
    here = [item for item in items if item.path.parent == FOLDER and item.path.name != META]
    config.stash[CASES] = [(item.path.name, item.name) for item in here]


CASES = pytest.StashKey[list[tuple[str, str]]]()


@pytest.fixture
def cases(pytestconfig: pytest.Config) -> list[tuple[str, str]]:
    """File and name of every case; skips where a run does not collect the whole folder."""
    collected = pytestconfig.stash[CASES]
    files = {path.name for path in FOLDER.glob("test_*.py")} - {META}
    if left_out := sorted(files - {name for name, _ in collected}):
        pytest.skip(f"this run leaves out {', '.join(left_out)}")
    return collected


@pytest.fixture(scope="session")
def pythtb() -> ModuleType:
    return library_or_skip("pythtb")


@pytest.fixture(scope="session")
def pybott() -> ModuleType:
    return library_or_skip("pybott")


@pytest.fixture(scope="session")
def tbkit() -> ModuleType:
    return library_or_skip("tbkit")


@pytest.fixture(scope="session")
def kwant() -> ModuleType:
    return library_or_skip("kwant")


@pytest.fixture(scope="session")
def kpm_tools(kwant: ModuleType) -> ModuleType:
    return library_or_skip("kpm_tools")
