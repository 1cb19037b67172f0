"""Files and arguments that are no study: the command line ends in one sentence, at once, before any job.

What each fault is told is tried without snakemake, in tests/study and in tests/tools.
"""

import re

import pytest

SECONDS = 60.0
SAID = r"(Using workflow specific profile|Config file \S+ is extended|WorkflowError:$).*"
"""What Snakemake says before a sentence of its own or of ours."""
FILES = {
    "a key twice": (
        "success: {split: test, split: validation}\n",
        r"config: .*bad\.yaml, line 1: found the key split a second time; allowed: each key once",
    ),
    "an octal number": (
        "seed: 010\n",
        r"config: .*bad\.yaml, line 1: found 010, which YAML reads as 8; allowed: the number without zeros before it",
    ),
    "a narrower study of nothing": (
        "only: chren\n",
        r"config: only: found 'chren'; allowed: .+ \(did you mean 'chern'\?\)",
    ),
    "an absolute name": ("datasets: {/etc/x: {}}\n", r"config: datasets: found the name '/etc/x'; allowed: .+"),
    # Snakemake reads such a file first.
    "no YAML": ("study: [a\nseed: : 1\n", r"Config file is not valid JSON or YAML\..+"),
    "a list": ("- a\n- b\n", r"Config file must be given as JSON or YAML with keys at top level\."),
}


def refused(project, *arguments: str) -> str:
    """Return the one sentence with which a run ends; nothing has been made."""
    run = project.snakemake("--cores", "1", *arguments, timeout=SECONDS)
    said = [line for line in run.stderr.splitlines() if line and not re.fullmatch(SAID, line)]
    assert (run.returncode, run.stdout, len(said)) == (1, "", 1), run.stdout[-2000:] + run.stderr[-2000:]
    assert not (project.root / "results").exists()
    return said[0]


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_study_ends_in_one_sentence(fresh_project, tmp_path, kind):
    content, says = FILES[kind]
    (tmp_path / "bad.yaml").write_text(content)
    assert re.fullmatch(says, refused(fresh_project, "--configfile", str(tmp_path / "bad.yaml")))


def test_an_argument_that_is_no_study_ends_in_one_sentence(fresh_project):
    said = refused(fresh_project, "--config", "study=../x")
    assert said.startswith("config: study: found '../x'; allowed: lower-case letters, digits and _, ")


@pytest.mark.parametrize("kind", ["no YAML", "a key twice"])
def test_so_does_the_projects_own_file(fresh_project, kind):
    with fresh_project.edited("config.yaml", FILES[kind][0]):
        assert re.match(r"config: config\.yaml, line \d: found .+; allowed: ", refused(fresh_project))
