"""The environments of pyproject.toml, of the conda jobs and of the lock agree; and what make needs first."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
MAIN_PROCESS_ALONE = {"snakemake", "pygments"}  # jobs run without them


def _bounds(requirements: list[str]) -> dict[str, str]:
    """Return the bound of each package, ``{"numpy": ">=2.2"}``."""
    return dict(re.fullmatch(r"([\w-]+) *([=<>].+)", text).groups() for text in requirements)


def test_the_conda_environment_has_the_bounds_of_the_project():
    wanted = {
        CONDA_NAMES.get(name, name): bound
        for name, bound in _bounds(PROJECT["dependencies"]).items()
        if name not in MAIN_PROCESS_ALONE
    }
    conda = yaml.safe_load((ROOT / "envs/toponn.yaml").read_text())
    assert _bounds(conda["dependencies"]) == wanted | {"python": PROJECT["requires-python"]}


def test_the_lock_pins_every_requirement_inside_its_bound():
    lines = (ROOT / "envs/requirements.lock").read_text().splitlines()
    pins = dict(line.lower().split("==") for line in lines if not line.startswith("#"))
    extras = [text for extra in ("cluster", "test") for text in PROJECT["optional-dependencies"][extra]]
    for name, bound in _bounds(PROJECT["dependencies"] + extras).items():
        least = bound.lstrip("=>")
        assert [int(n) for n in re.findall(r"\d+", pins[name])] >= [int(n) for n in least.split(".")], name
        assert not bound.startswith("==") or pins[name] == least, name
    assert not [version for version in pins.values() if "+" in version]  # of one build alone


@pytest.mark.parametrize(
    ("fails_on", "says"),
    [("version_info", "needs Python 3.11 or newer"), ("ensurepip", "apt install python3-venv")],
)
def test_make_says_in_one_sentence_what_the_machine_lacks(tmp_path, fails_on, says):
    for name in ("Makefile", "pyproject.toml", "envs/requirements.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *{fails_on}*) exit 1;; esac\n')
    python.chmod(0o755)
    run = subprocess.run(["make", "PYTHON=./python", "test"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    sentence, *rest = run.stderr.splitlines()
    assert says in sentence and all(line.startswith("make") for line in rest)
    assert not (tmp_path / ".venv").exists()
