"""A job loads the code that its parameters name, and no other, whatever happens to the files meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from toponn.tools import jobcode

LIBRARY = Path(jobcode.__file__).parents[1]
FILES = {
    "scripts/draw.py": "",
    "workflow/toponn/__init__.py": "",
    "workflow/toponn/tools/__init__.py": "",
    "workflow/toponn/kinds.py": 'KINDS = {"a": "toponn.one:A", "b": "toponn.one:B"}\n',
    "workflow/toponn/one.py": "A = 1\nB = 2\n",
    "workflow/toponn/unnamed.py": "C = 3\n",
}
TOOLS = ("jobcode", "joblog", "provenance", "checks")
CHANGED = "the code is not that with which this run began; the same command runs what there is now"

ENVIRONMENT = {key: text for key, text in os.environ.items() if not key.startswith(("PYTHON", "TOPONN"))}

# A job as Snakemake starts it, which stops before and after it has begun and says what it has loaded.
JOB = """
import sys
from types import SimpleNamespace
sys.path.insert(0, "workflow")
snakemake = SimpleNamespace(params={params!r}, log=["job.log"], rule="draw")
from toponn.tools.joblog import job_log
with job_log(snakemake):
    print("begun", flush=True)
    input()
    from toponn.tools.checks import resolve
    from toponn.kinds import KINDS
    print(resolve(KINDS, "a", "kind"), flush=True)
    {more}
"""


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in TOOLS:
        (tmp_path / f"workflow/toponn/tools/{name}.py").write_text((LIBRARY / f"tools/{name}.py").read_text())
    return tmp_path


def parameters(project, *more):
    """Return what the rule of the job tells it: the digests of its files but one, and a row."""
    paths = [path.relative_to(project).as_posix() for path in project.rglob("*.py") if path.stem != "unnamed"]
    found = [(path, (project / path).read_bytes()) for path in paths if path not in jobcode.NO_CODE]
    found = [(path, b"" if path.startswith("scripts/") else source) for path, source in found]
    return [f"{path} {jobcode.digest_of(jobcode.parsed(source, path))}" for path, source in found] + list(more)


def ran(project, params, meanwhile=lambda: None, more="pass"):
    """Return what a job prints, and its last words; `meanwhile` happens once it has begun."""
    job = project / "job.py"
    job.write_text(JOB.format(params=params, more=more) + f"{jobcode.PREAMBLE}")
    piped = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, job], cwd=project, env=ENVIRONMENT, text=True, **piped) as process:
        said = process.stdout.readline()
        meanwhile()
        said, errors = process.communicate("\n")
    return said.strip(), errors.strip().splitlines()[-1:] or [""]


def test_a_job_runs_the_code_of_its_parameters(project):
    assert ran(project, parameters(project, "a toponn.one:A")) == ("1", [""])


@pytest.mark.parametrize("name", ["one", "kinds", "tools/checks"])
def test_code_that_changes_after_the_job_has_begun_is_not_loaded(project, name):
    params, path = parameters(project, "a toponn.one:A"), project / f"workflow/toponn/{name}.py"

    def edit():
        path.write_text(path.read_text() + "EDITED = True\n")

    said, (last,) = ran(project, params, edit)
    assert said == "" and last.endswith(f"draw: failed: workflow/toponn/{name}.py: {CHANGED}")


def test_code_that_has_changed_before_the_job_began_is_refused_even_if_it_is_loaded_already(project):
    params = parameters(project, "a toponn.one:A")
    (project / "workflow/toponn/tools/__init__.py").write_text("EDITED = True\n")
    assert ran(project, params)[1][0].endswith(f"workflow/toponn/tools/__init__.py: {CHANGED}")


def test_words_may_change_and_so_may_what_is_no_code_of_a_job(project):
    params = parameters(project, "a toponn.one:A")
    for path in (project / "workflow/toponn/one.py", *map(project.joinpath, jobcode.NO_CODE)):
        path.write_text(f"{path.read_text()}\n# more\n")
    log = project / "workflow/toponn/tools/joblog.py"
    log.write_text(log.read_text() + "EDITED = True\n")
    assert ran(project, params) == ("1", [""])


def test_pythons_cache_of_another_text_of_the_same_size_and_second_is_not_loaded(project):
    path = project / "workflow/toponn/one.py"
    command = [sys.executable, "-c", "import sys; sys.path.insert(0, 'workflow'); import toponn.one"]
    at = path.stat()
    path.write_text("A = 7\nB = 2\n")
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    subprocess.run(command, cwd=project, env=ENVIRONMENT, check=True)
    path.write_text(FILES["workflow/toponn/one.py"])
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    command[2] += "; print(toponn.one.A)"
    cached = subprocess.run(command, cwd=project, env=ENVIRONMENT, check=True, capture_output=True)
    assert cached.stdout == b"7\n", "as Python does"
    assert ran(project, parameters(project, "a toponn.one:A")) == ("1", [""])


def test_a_row_that_leads_elsewhere_by_now_is_refused(project):
    params, path = parameters(project, "a toponn.one:A"), project / "workflow/toponn/kinds.py"

    def redirect():
        path.write_text(path.read_text().replace("one:A", "one:B"))

    said, (last,) = ran(project, params, redirect)
    assert said == "" and last.endswith(f"a (toponn.one:B): {CHANGED}")


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ("import toponn.unnamed", f"workflow/toponn/unnamed.py: {CHANGED}"),
        ("resolve(KINDS, 'b', 'kind')", "b (toponn.one:B): the parameters of this job's rule do not name it"),
    ],
)
def test_what_the_parameters_do_not_name_is_not_used(project, more, what):
    said, (last,) = ran(project, parameters(project, "a toponn.one:A"), more=more)
    assert said == "1" and what in last


def test_a_script_that_is_not_the_one_of_the_parameters_does_not_run(project):
    params = [text for text in parameters(project) if not text.startswith("scripts/")]
    assert ran(project, [*params, "scripts/draw.py 0123456789ab"])[1][0].endswith(f"scripts/draw.py: {CHANGED}")


def test_without_parameters_nothing_is_held():
    with jobcode.held_to(["a", 1, {"b": 2}]):
        assert not any(type(finder).__name__ == "_Held" for finder in sys.meta_path)
