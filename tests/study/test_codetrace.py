from pathlib import Path

import pytest

from toponn.study.codetrace import Trace
from toponn.tools.jobcode import CodeError

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("scripts/*.py"))

TREE = {
    "scripts/train.py": "from toponn.loop import train\n\ntrain()\n",
    "scripts/draw.py": "import toponn.colours\n",
    "workflow/toponn/__init__.py": "",
    "workflow/toponn/loop.py": "import numpy\nfrom toponn import steps\n\ntrain = steps.step\n",
    "workflow/toponn/steps.py": "def step():\n    from toponn.models.base import Model\n\n    return Model\n",
    "workflow/toponn/colours.py": "RED = 'red'\n",
    "workflow/toponn/models/__init__.py": 'MODELS = {"cnn": "toponn.models.cnn:CNN"}\n',
    "workflow/toponn/models/base.py": "class Model:\n    rank = 1\n",
    "workflow/toponn/models/cnn.py": "from .base import Model\n\n\nclass CNN(Model):\n    pass\n",
}


@pytest.fixture
def project(tmp_path):
    for name, text in TREE.items():
        path = tmp_path / "a project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "a project"


def reached(*paths, root):
    return [line.split()[0] for line in Trace(root).code_of(*paths)]


def test_a_script_reaches_indirect_and_function_local_imports_with_their_packages_and_nothing_else(project):
    assert reached("scripts/train.py", root=project) == [
        "scripts/train.py",
        "workflow/toponn/__init__.py",
        "workflow/toponn/loop.py",
        "workflow/toponn/models/__init__.py",
        "workflow/toponn/models/base.py",
        "workflow/toponn/steps.py",
    ]


def test_a_member_adds_its_module_its_packages_and_its_own_imports(project):
    member = Trace(project).member_module("toponn.models.cnn:CNN")
    assert member == "workflow/toponn/models/cnn.py"
    added = set(reached("scripts/draw.py", member, root=project)) - set(reached("scripts/draw.py", root=project))
    assert added == {member, "workflow/toponn/models/__init__.py", "workflow/toponn/models/base.py"}


def test_each_string_is_a_relative_path_and_twelve_hexadecimal_digits(project):
    for line in Trace(project).code_of("scripts/train.py"):
        path, digest = line.split(" ")
        assert (project / path).is_file()
        assert len(digest) == 12 and int(digest, 16) >= 0


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n" + TREE["workflow/toponn/steps.py"],
        '"""A module."""\n\n' + TREE["workflow/toponn/steps.py"],
        TREE["workflow/toponn/steps.py"].replace("step():\n", 'step():\n    """Return a model."""\n'),
        TREE["workflow/toponn/steps.py"].replace("return Model", "return (\n        Model  # here\n    )"),
        TREE["workflow/toponn/steps.py"].replace("    ", "\t"),
        TREE["workflow/toponn/steps.py"].replace("\n", "\r\n"),
    ],
    ids=["comment", "module docstring", "function docstring", "brackets", "indentation", "line ends"],
)
def test_a_change_of_words_or_format_keeps_the_digest(project, text):
    before = Trace(project).code_of("scripts/train.py")
    (project / "workflow/toponn/steps.py").write_bytes(text.encode())
    assert Trace(project).code_of("scripts/train.py") == before


def test_the_docstring_of_an_attribute_is_no_code(project):
    before = Trace(project).code_of("workflow/toponn/models/base.py")
    (project / "workflow/toponn/models/base.py").write_text('class Model:\n    rank = 1\n    """Terms."""\n')
    assert Trace(project).code_of("workflow/toponn/models/base.py") == before


def test_a_change_of_code_moves_the_digest_of_its_file_alone(project):
    before, other = Trace(project).code_of("scripts/train.py"), Trace(project).code_of("scripts/draw.py")
    (project / "workflow/toponn/models/base.py").write_text("class Model:\n    rank = 2\n", encoding="utf-8")
    changed = set(Trace(project).code_of("scripts/train.py")) - set(before)
    assert [line.split()[0] for line in changed] == ["workflow/toponn/models/base.py"]
    assert Trace(project).code_of("scripts/draw.py") == other


def test_a_change_of_an_unrelated_module_moves_nothing(project):
    before = Trace(project).code_of("scripts/train.py")
    (project / "workflow/toponn/colours.py").write_text("RED = 'crimson'\n", encoding="utf-8")
    assert Trace(project).code_of("scripts/train.py") == before


def test_a_new_row_in_a_family_moves_nothing_but_other_code_beside_it_does(project):
    family = project / "workflow/toponn/models/__init__.py"
    before = Trace(project).code_of("scripts/train.py")
    rows = 'MODELS = {"cnn": "toponn.models.cnn:CNN", "mlp": "toponn.models.mlp:MLP"}\n'
    family.write_text(rows, encoding="utf-8")
    assert Trace(project).code_of("scripts/train.py") == before
    family.write_text(rows + 'DEFAULT = {"model": "cnn"}\n', encoding="utf-8")
    assert Trace(project).code_of("scripts/train.py") != before


def test_imports_for_type_checkers_alone_are_not_followed(project):
    guard = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import toponn.loop\n"
    (project / "scripts/draw.py").write_text(guard + "else:\n    import toponn.colours\n")
    assert "workflow/toponn/colours.py" in reached("scripts/draw.py", root=project)
    assert "workflow/toponn/loop.py" not in reached("scripts/draw.py", root=project)


def test_relative_imports_are_resolved_against_their_package(project):
    (project / "workflow/toponn/models/deep.py").write_text("from . import cnn\nfrom .. import colours\n")
    found = reached("workflow/toponn/models/deep.py", root=project)
    assert {"workflow/toponn/models/cnn.py", "workflow/toponn/colours.py"} <= set(found)


def test_modules_that_import_each_other_are_listed_once(project):
    (project / "workflow/toponn/colours.py").write_text("import toponn.palette\n")
    (project / "workflow/toponn/palette.py").write_text("import toponn.colours\n")
    found = reached("scripts/draw.py", root=project)
    assert len(found) == len(set(found)) == 4


def test_a_syntax_error_is_one_sentence_that_names_the_file_and_the_line(project):
    (project / "workflow/toponn/steps.py").write_text("def step(:\n")
    with pytest.raises(CodeError, match=r"^workflow/toponn/steps\.py: found '.*' on line 1; allowed: Python code$"):
        Trace(project).code_of("scripts/train.py")


@pytest.mark.parametrize("source", [b"x = 1\0", b"\xff\xfe"])
def test_a_file_that_is_not_text_is_refused_in_one_sentence(project, source):
    (project / "scripts/draw.py").write_bytes(source)
    with pytest.raises(CodeError, match=r"^scripts/draw\.py: found .* on line \d+; allowed: Python code$"):
        Trace(project).code_of("scripts/draw.py")


def test_a_missing_script_is_one_sentence(project):
    with pytest.raises(CodeError, match=r"^scripts/none\.py: found no readable file; allowed: a Python file"):
        Trace(project).code_of("scripts/none.py")


def test_a_path_outside_the_project_is_refused(project):
    with pytest.raises(CodeError, match="found a file outside the project; allowed: paths under its root"):
        Trace(project).code_of("../train.py")


@pytest.mark.parametrize("row", ["toponn.models.cmm:CNN", "toponn.models.cnn", "numpy:array", ""])
def test_a_row_that_names_no_module_of_the_project_is_refused(project, row):
    with pytest.raises(CodeError, match="found no such module; allowed: package.module:Attribute"):
        Trace(project).member_module(row)


def test_a_member_that_is_a_package_is_its_init(project):
    assert Trace(project).member_module("toponn.models:CNN") == "workflow/toponn/models/__init__.py"


def test_every_script_of_the_project_can_be_traced_and_reaches_no_other_script_or_the_config():
    trace = Trace(ROOT)
    for script in SCRIPTS:
        lines = trace.code_of(script)
        found = {line.split()[0] for line in lines}
        assert lines == sorted(lines) and script in found
        assert {path for path in found if path.startswith("scripts/")} == {script}
        assert not {path for path in found if path.startswith("workflow/toponn/study/")}, script


def test_what_rules_tell_a_job_by_parameters_is_no_code_of_its_own(project):
    def digests():
        return Trace(project).code_of("scripts/draw.py")

    path = project / "workflow/toponn/colours.py"
    told = 'COLUMNS: Told = {"seed": "a number"}\n\n\n@figure(of="task", result="a")\ndef draw():\n    return 1\n'
    path.write_text(told)
    before = digests()
    path.write_text(told.replace("a number", "number of the run").replace('result="a"', 'result="b"'))
    assert digests() == before
    path.write_text(told.replace("return 1", "return 2"))
    assert digests() != before
    path.write_text(told.replace("COLUMNS: Told", "COLUMNS: dict").replace("a number", "the run"))
    assert digests() != before
