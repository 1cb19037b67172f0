"""Reads the imports of library and scripts, and fails on any that the tables of folders below do not allow."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STANDARD = sys.stdlib_module_names

ROOMS = {
    "tools": set(),
    "matter": {"tools"},
    "invariants": {"tools", "matter"},
    "data": {"tools", "matter", "invariants"},
    "labels": {"tools", "matter", "invariants", "data"},
    "models": {"tools"},
    "training": {"tools", "matter", "data", "models"},
    "trainability": {"tools", "matter", "invariants", "data", "models", "training"},
    "generalization": {"tools", "matter", "invariants", "data", "models", "training"},
    "verdicts": {"tools"},
    "figures": {"tools"},
    "study": {"tools", "matter", "invariants", "data", "labels", "models", "training", "trainability", "figures"},
}
"""What the modules of each folder may import from the others; beside them stands `__main__`, the command line."""

PACKAGES = {
    "tools": {"annotated_types", "h5py", "numpy", "pandas", "scipy"},
    "matter": {"numpy", "scipy", "torch"},
    "invariants": {"numpy", "scipy"},
    "data": {"numpy"},
    "labels": {"numpy", "pandas", "scipy"},
    "models": {"numpy", "torch"},
    "training": {"numpy", "pandas", "torch"},
    "trainability": {"numpy", "pandas", "scipy", "torch"},
    "generalization": {"numpy", "pandas", "scipy", "torch"},
    "verdicts": {"jinja2", "numpy", "pandas", "scipy"},
    "figures": {"matplotlib", "numpy", "pandas", "scipy"},
    "study": {"annotated_types", "pydantic", "pydantic_core", "yaml"},
}
"""What the modules of each folder may import from elsewhere, beside the standard library."""

SCRIPTS_MAY = {"toponn", "numpy", "pandas", "torch"}
HEAVY = {"torch", "scipy", "matplotlib", "pandas", "h5py"}


# --- Reading ----------------------------------------------------------------------------------------------


@cache
def library():
    """Return the text of every module of the package by its dotted name; a family's `__init__` is the family's name."""
    found = {}
    for path in sorted((ROOT / "workflow" / "toponn").rglob("*.py")):
        parts = path.relative_to(ROOT / "workflow").with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


def scripts():
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "scripts").glob("*.py"))}


def is_package(name, modules):
    return any(other.startswith(f"{name}.") for other in modules)


parsed = cache(ast.parse)


@cache
def imports(text, deferred):
    """Return the imports of a module; those within functions or for type checkers only where `deferred`."""
    found, todo = [], [parsed(text)]
    while todo:
        node = todo.pop()
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        later = later or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        elif deferred or not later:
            todo += ast.iter_child_nodes(node)
    return found


def imported(name, modules, deferred=True):
    """Return the dotted names that a module imports; within functions or for type checkers only where `deferred`."""
    found = set()
    for node in imports(modules[name], deferred):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            package = name.split(".") if is_package(name, modules) else name.split(".")[:-1]
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                member = f"{base}.{alias.name}"
                found.add(member if member in modules else base)
    return found


def unit(module):
    """Return the folder of the library that a module lies in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def forbidden_arrows(modules):
    """Return what the table does not allow, as ``a -> b``."""
    wrong = []
    for name in modules:
        for other in sorted(imported(name, modules)):
            if other.split(".")[0] != "toponn":
                continue
            if unit(other) not in {unit(name), "toponn"} | ROOMS.get(unit(name), set(ROOMS)):
                wrong.append(f"{name} -> {other}")
    return wrong


def forbidden_third_parties(modules):
    wrong = []
    for name in modules:
        for other in sorted({full.split(".")[0] for full in imported(name, modules)} - STANDARD - {"toponn"}):
            if other not in PACKAGES.get(unit(name), set()):
                wrong.append(f"{name} -> {other}")
    return wrong


def circles(modules):
    """Return a circle of imports, or nothing; imports within functions count."""
    graph = {name: {o for o in imported(name, modules) if o in modules and o != name} for name in modules}
    done, path = set(), []

    def visit(name):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path.append(name)
        found = next((circle for other in sorted(graph[name]) if (circle := visit(other))), [])
        path.pop()
        done.add(name)
        return found

    return next((circle for name in sorted(graph) if (circle := visit(name))), [])


def effects(modules):
    """Return the lines at which an import would do more than define names."""
    quiet = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    return [
        f"{name}:{node.lineno}"
        for name, text in modules.items()
        for node in parsed(text).body
        if not isinstance(node, quiet)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.If) and ast.unparse(node.test) in ("__name__ == '__main__'", "TYPE_CHECKING"))
    ]


def dangers(modules):
    """Return uses of pyplot's global state, and of what runs code from a file."""
    wrong = []
    for name, text in modules.items():
        for full in imported(name, modules):
            if "pyplot" in full or full.split(".")[0] in (
                "pickle",
                "dill",
                "cloudpickle",
                "joblib",
                "shelve",
                "marshal",
            ):
                wrong.append(f"{name}: {full}")
        for node in ast.walk(parsed(text)):
            if isinstance(node, ast.ImportFrom | ast.Import) and any("pyplot" in a.name for a in node.names):
                wrong.append(f"{name}: pyplot")
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if f"{node.value.id}.{node.attr}" in ("torch.load", "torch.save", "np.load", "np.save", "yaml.load"):
                    wrong.append(f"{name}: {node.value.id}.{node.attr}")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                wrong.append(f"{name}: {node.func.id}")
    return wrong


def registries(modules):
    """Return the rows of every family's dict: (family, name, module, attribute)."""
    rows = []
    for family, text in modules.items():
        for node in parsed(text).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                values = [v.value for v in node.value.values if isinstance(v, ast.Constant)]
                if values and all(isinstance(v, str) and v.startswith("toponn.") and ":" in v for v in values):
                    keys = [k.value for k in node.value.keys]
                    rows += [(family, key, *value.split(":")) for key, value in zip(keys, values, strict=True)]
    return rows


# --- Laws -------------------------------------------------------------------------------------------------


def test_every_folder_of_the_library_has_a_row_and_its_contents_in_its_docstring():
    modules = library()
    folders = {unit(name) for name in modules} - {"toponn", "__main__"}
    assert folders == set(ROOMS) == set(PACKAGES)
    for name in modules:
        room, *rest = name.split(".")[1:] or [""]
        if room in ROOMS and len(rest) == 1:
            contents = modules[f"toponn.{room}"]
            assert f"`{rest[0]}`" in contents or f'"{name}:' in contents, (
                f"toponn/{room}/__init__.py says nothing of {name}"
            )


def test_of_the_physics_the_eigensolvers_alone_use_torch():
    modules = library()
    physics = [name for name in modules if unit(name) in ("matter", "invariants", "data", "labels")]
    assert [name for name in physics if "torch" in {full.split(".")[0] for full in imported(name, modules)}] == [
        "toponn.matter.states"
    ]


def test_no_folder_imports_one_that_stands_after_it():
    order = list(ROOMS)
    assert all(order.index(other) < order.index(name) for name in ROOMS for other in ROOMS[name])


def test_the_readme_and_the_package_name_every_folder():
    readme, package = (ROOT / "README.md").read_text(encoding="utf-8"), library()["toponn"]
    assert [name for name in ROOMS if f"\n      {name}/ " not in readme or f"`{name}`" not in package] == []


def stations(page):
    """Return the rooms that the page of the way of a sample enters, in order, each with its (file, name) pairs."""
    sections = re.split(r"^## \d+\. `(\w+)`", page, flags=re.MULTILINE)[1:]
    link = re.compile(r"\[`[\w.]+`\]\(([^)]+)\)(?::\s+`(\w+)`)?")
    return [(room, link.findall(text)) for room, text in zip(sections[::2], sections[1::2], strict=True)]


def test_a_sample_s_way_enters_at_most_eight_rooms_none_twice_and_every_file_and_function_on_it_exists():
    way = stations((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    rooms = [room for room, _ in way]
    assert 5 < len(rooms) == len(set(rooms)) <= 8 and set(rooms) <= set(ROOMS)
    for room, links in way:
        assert links, room
        for path, name in links:
            file = (ROOT / "docs" / path).resolve()
            assert file.is_file() and (f"toponn/{room}/" in path or "toponn/" not in path), f"{room}: {path}"
            assert not name or re.search(rf"(def|class) {name}\b", file.read_text(encoding="utf-8")), f"{path}: {name}"


def test_a_way_back_into_a_room_is_found():
    page = "## 1. `matter`: a\n[`a.py`](../b/a.py): `f`\n## 2. `data`: b\n[`c.py`](c.py)\n## 3. `matter`: c\n"
    assert stations(page) == [("matter", [("../b/a.py", "f")]), ("data", [("c.py", "")]), ("matter", [])]


def test_the_library_has_no_arrow_beyond_the_table():
    assert forbidden_arrows(library()) == []


def test_the_library_uses_no_package_beyond_the_table():
    assert forbidden_third_parties(library()) == []


def test_there_are_no_circular_imports():
    assert circles(library()) == []


def test_the_package_and_its_families_import_nothing_but_the_standard_library():
    modules = library()
    for name in modules:
        if is_package(name, modules):
            assert {full.split(".")[0] for full in imported(name, modules)} <= STANDARD, name


def test_importing_does_nothing():
    assert effects(library()) == []


def test_nothing_draws_through_pyplot_or_loads_what_could_run():
    assert dangers(library() | scripts()) == []


def test_a_script_imports_the_library_and_never_another_script():
    modules = scripts()
    assert modules
    for name in modules:
        packages = {full.split(".")[0] for full in imported(name, modules)} - STANDARD
        assert packages <= SCRIPTS_MAY, name
        assert not packages & set(modules), name
        assert len(modules[name].splitlines()) <= 60, f"{name}: a script is a paragraph"


def test_what_the_snakefile_imports_loads_nothing_heavy():
    # It is parsed again by every job. A system is imported for its parameters when the config is checked.
    modules = library()
    reached = {name for name in modules if unit(name) == "study"}
    reached |= {"toponn.study.yaml_files", "toponn.study.codetrace", "toponn.tools.joblog"}
    reached |= {module for family, _, module, _ in registries(modules) if family == "toponn.matter.systems"}
    packages, todo = set(), list(reached)
    while todo:
        for full in imported(todo.pop(), modules, deferred=False):
            packages.add(full.split(".")[0])
            if full in modules and full not in reached:
                reached.add(full)
                todo.append(full)
    assert not packages & HEAVY


def test_every_row_of_a_familys_dict_points_at_something_that_exists():
    modules = library()
    rows = registries(modules)
    assert {"toponn.matter.systems", "toponn.models", "toponn.data.encodings", "toponn.invariants"} <= {
        row[0] for row in rows
    }
    for family, key, module, attribute in rows:
        assert module in modules, f"{family}: {key}"
        body = parsed(modules[module]).body
        defined = [getattr(node, "name", None) for node in body]
        defined += [getattr(target, "id", None) for node in body for target in getattr(node, "targets", [])]
        assert attribute in defined, f"{family}: {key}"


@pytest.mark.parametrize("family", ["toponn.matter.systems", "toponn.models", "toponn.data.encodings"])
def test_a_member_of_a_family_imports_no_other_member(family):
    # So that a job is rerun by the member that it names and by no other.
    modules = library()
    members = {module for name, _, module, _ in registries(modules) if name == family}
    for member in members:
        assert not imported(member, modules) & (members - {member}), member


def test_a_figure_shares_with_the_others_nothing_but_the_style():
    modules = library()
    for name in modules:
        if unit(name) == "figures":
            shared = {f"toponn.figures.{part}" for part in ("style", "words", "record", "looks")}
            assert {o for o in imported(name, modules) if unit(o) == "figures"} <= shared, name


# --- Controls: each law fails where it must ---------------------------------------------------------------

TINY = {
    "toponn": "",
    "toponn.models": "MODELS = {'cnn': 'toponn.models.cnn:CNN'}",
    "toponn.models.cnn": "from toponn.tools.checks import choose",
    "toponn.tools.checks": "import numpy as np",
    "toponn.matter.lattices": "",
}


@pytest.mark.parametrize(
    "text",
    [
        "from toponn.matter.lattices import cut",
        "import toponn.matter.lattices",
        "from toponn.matter import lattices",
        "from ..matter.lattices import cut",
        "from ..matter import lattices",
        "def f():\n    from toponn.matter.lattices import cut",
    ],
)
def test_an_arrow_against_the_table_is_found_however_it_is_written(text):
    assert forbidden_arrows(TINY) == []
    assert forbidden_arrows(TINY | {"toponn.models.cnn": text}) == ["toponn.models.cnn -> toponn.matter.lattices"]


def test_a_package_against_the_table_is_found():
    assert forbidden_third_parties(TINY) == []
    wrong = TINY | {"toponn.matter.lattices": "def f():\n    import h5py.h5f"}
    assert forbidden_third_parties(wrong) == ["toponn.matter.lattices -> h5py"]


def test_a_circle_is_found_even_through_a_function():
    wrong = TINY | {"toponn.tools.checks": "def f():\n    from toponn.models import cnn"}
    assert circles(TINY) == []
    assert circles(wrong) == ["toponn.models.cnn", "toponn.tools.checks", "toponn.models.cnn"]


@pytest.mark.parametrize(
    "text",
    [
        "import matplotlib.pyplot as plt",
        "from matplotlib import pyplot",
        "from matplotlib.pyplot import plot",
        "import pickle",
        "import torch\ntorch.load('x')",
        "exec('1')",
    ],
)
def test_a_danger_is_found_however_it_is_written(text):
    assert dangers(TINY) == []
    assert dangers(TINY | {"toponn.tools.checks": text})


@pytest.mark.parametrize(
    "text", ["import numpy as np\nnp.seterr(all='raise')", "for i in range(3):\n    pass", "if True:\n    x = 1"]
)
def test_an_import_that_does_something_is_found(text):
    assert effects(TINY) == []
    assert effects(TINY | {"toponn.tools.checks": text})
