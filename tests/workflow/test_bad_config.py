"""Files and arguments that are no study: the command line ends in one sentence, at once, before any job."""

import os
import re

import pytest

SECONDS = 10.0
PROFILE = "Using workflow specific profile profiles/default for setting default command line arguments."
EXTENDED = [
    f"Config file {file} is extended by additional config specified via the command line."
    for file in ("workflow/studies/labels.yaml", "config.yaml")
]
BOMB = b"a0: &a0 {x: 1, y: 2}\n" + b"".join(
    b"a%d: &a%d {%s}\n" % (i, i, b", ".join(b"k%d: *a%d" % (j, i - 1) for j in range(9))) for i in range(1, 9)
)

FILES = {
    "no YAML": (
        b"study: [a\nseed: : 1\n",
        r"bad\.yaml, line 2: found no YAML \(.+\); allowed: YAML, indented by spaces",
    ),
    "a tab": (b"study:\n\tname: x\n", r"bad\.yaml, line 2: found no YAML \(.+\); allowed: YAML, indented by spaces"),
    "a key twice": (
        b"success: {split: test, split: validation}\n",
        r"bad\.yaml, line 1, success: found the key split a second time; allowed: each key once",
    ),
    "nothing": (b"", r"bad\.yaml: found nothing; allowed: a table: lines of `key: value`"),
    "a list": (b"- a\n- b\n", r"bad\.yaml: found a list; allowed: a table: lines of `key: value`"),
    "aliases of aliases": (BOMB, r"bad\.yaml, line 2, a1\.k0: found the alias \*a0; allowed: values written out, .+"),
    "an alias of itself": (b"success: &a {split: *a}\n", r"bad\.yaml, line 1, success\.split: found the alias \*a; .+"),
    "a tag that runs": (
        b"study: !!python/object/apply:os.mkdir ['ran']\n",
        r"bad\.yaml, line 1, study: found the tag '!!python/object/apply:os\.mkdir'; allowed: plain values: .+",
    ),
    "a template that runs": (
        b"__use_yte__: true\n__definitions__: [\"import os; os.mkdir('ran')\"]\nstudy: x\n",
        r"bad\.yaml, line 1: found the key __use_yte__, by which files run Python; allowed: keys of a study",
    ),
    "lists without end": (
        b"study: " + b"[" * 10**5,
        r"bad\.yaml, line 1: found .+ nested more than 16 deep; allowed: .+",
    ),
    "5000 digits": (b"seed: " + b"9" * 5000, r"bad\.yaml, line 1, seed: found '9+', which is no number or date; .+"),
    "an octal number": (
        b"seed: 010\n",
        r"bad\.yaml, line 1, seed: found 010, which YAML reads as 8; allowed: the number without zeros before it",
    ),
    "a number to the base of 60": (
        b"seed: 1:30\n",
        r"bad\.yaml, line 1, seed: found '1:30', which YAML reads as 90; allowed: .+",
    ),
    "an exponent without a point": (b"seed: 1e3\n", r"seed: found '1e3'; allowed: .+ reads 1e3 as text: write 1000"),
    "a narrower study of nothing": (b"only: chren\n", r"only: found 'chren'; allowed: .+ \(did you mean 'chern'\?\)"),
    "no text": (
        b"study: caf\xe9\n",
        r"bad\.yaml, line 1: found the byte 0xe9, which is no UTF-8; allowed: text in UTF-8",
    ),
    "another folder": (b"study: ../x\n", r"study: found '\.\./x'; allowed: lower-case letters, digits and _, .+"),
    "an absolute name": (b"datasets: {/etc/x: {}}\n", r"datasets: found the name '/etc/x'; allowed: lower-case .+"),
    "infinity": (
        b"success: {balanced_accuracy: .inf}\n",
        r"success\.balanced_accuracy: found inf; allowed: a number .+",
    ),
}
ARGUMENTS = {
    "no =": ("seed", r"--config: found 'seed'; allowed: key=value, of the keys of config\.yaml"),
    "text": ("seed=many", r"seed: found 'many'; allowed: a whole number from 0 up to 9223372036854775807"),
    "another folder": ("study=../x", r"study: found '\.\./x'; allowed: lower-case letters, digits and _, .+"),
    "a table of text": ("tasks=winding", r"tasks: found 'winding'; allowed: a table with the keys winding, chern"),
    "deep": ("study=" + "[" * 5000, r"--config study, line 1: found .+ nested more than 16 deep; allowed: .+"),
}


def refused(project, *arguments: str) -> str:
    """Return the one sentence with which a run ends; nothing has been made, and nothing been run."""
    run = project.snakemake("--cores", "1", *arguments, timeout=SECONDS)
    said = [line for line in run.stderr.splitlines() if line not in ("", PROFILE, *EXTENDED)]
    assert (run.returncode, run.stdout, len(said)) == (1, "", 1), run.stdout[-2000:] + run.stderr[-2000:]
    assert not (project.root / "results").exists()
    assert not (project.root / "ran").exists()
    assert len(said[0]) < 400 + len(str(project.root))
    return said[0]


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_study_ends_in_one_sentence(fresh_project, tmp_path, kind):
    content, says = FILES[kind]
    (tmp_path / "bad.yaml").write_bytes(content)
    assert re.fullmatch(f"config: (.*/)?{says}", refused(fresh_project, "--configfile", str(tmp_path / "bad.yaml")))


def test_a_key_that_comes_twice_after_config_ends_in_one_sentence(fresh_project):
    said = refused(fresh_project, "--config", "seed=1", "block=5", "seed=2")
    assert said == "config: --config: found the key seed a second time; allowed: each key once"


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_an_argument_that_is_no_study_ends_in_one_sentence(fresh_project, kind):
    entry, says = ARGUMENTS[kind]
    assert re.fullmatch(f"config: {says}", refused(fresh_project, "--config", entry))


def test_a_file_that_is_missing_a_folder_or_a_pipe_ends_in_one_sentence(fresh_project, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, found in (("none.yaml", "no such file"), ("", "a folder"), ("pipe", "a pipe or device")):
        said = refused(fresh_project, "--configfile", str(tmp_path / name))
        assert said == f"config: {tmp_path / name}: found {found}; allowed: a YAML file"


@pytest.mark.parametrize("kind", ["no YAML", "a key twice", "a list", "aliases of aliases", "no text"])
def test_so_does_the_projects_own_file(fresh_project, kind):
    file = fresh_project.root / "config.yaml"
    before = file.read_bytes()
    file.write_bytes(FILES[kind][0])
    try:
        said = refused(fresh_project)
    finally:
        file.write_bytes(before)
    assert re.fullmatch(f"config: {FILES[kind][1].replace('bad', 'config')}", said)


def test_without_the_profile_what_snakemake_accepts_is_still_refused(fresh_project, tmp_path):
    (tmp_path / "twice.yaml").write_text("study: a\nstudy: b\n")
    arguments = ("--workflow-profile", "none", "--configfile", str(tmp_path / "twice.yaml"))
    assert refused(fresh_project, *arguments).endswith(
        "line 2: found the key study a second time; allowed: each key once"
    )
