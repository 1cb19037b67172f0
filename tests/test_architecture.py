"""Reads the imports of library and scripts and fails on any arrow that the table below does not have."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STANDARD = sys.stdlib_module_names

BASE = {"conventions", "checks", "digests", "provenance", "results_folder", "seeds", "files", "statistics", "joblog"}
BASE |= {"codetrace", "yaml_files", "options", "declared", "tables"}
PHYSICS = {"lattices", "point_sets", "shapes", "systems", "disorder", "states", "invariants", "geometry"}
LEARNING = {"models", "training"}

ARROWS = {
    # level 0: each other only (there are no circles: a test of its own)
    **dict.fromkeys(BASE, BASE),
    # 1
    "lattices": BASE,
    "point_sets": BASE | {"lattices", "shapes"},
    "shapes": BASE | {"lattices"},
    "systems": BASE | {"lattices"},
    "disorder": BASE | {"lattices", "systems"},
    "geometry": BASE | {"lattices", "shapes", "systems"},
    "states": BASE,
    "invariants": BASE | {"lattices", "shapes", "states"},
    "crystals": BASE | PHYSICS,
    "recipes": BASE | PHYSICS | {"crystals"},
    # 2: of families the dicts alone, and what their members declare
    "study": BASE
    | {"disorder", "encodings", "figures", "geometry", "lattices", "models", "shapes", "systems"}
    | {"trainability", "training"},
    # 3
    "encodings": BASE | {"lattices", "states"},
    "datasets": BASE | PHYSICS | {"encodings"},
    "generation": BASE | PHYSICS | {"crystals", "recipes", "datasets"},
    "phase_maps": BASE | PHYSICS | {"recipes"},
    "convergence": BASE | PHYSICS | {"crystals", "recipes"},
    "references": BASE | PHYSICS | {"recipes", "convergence", "datasets"},
    "system_check": BASE | PHYSICS | {"crystals", "recipes", "convergence"},
    "__main__": BASE | {"system_check"},
    # 3'
    "models": BASE,
    "training": BASE | {"models"},
    # 4
    "generalization": BASE | LEARNING | {"datasets", "encodings", "states"},
    "trainability": BASE | PHYSICS | LEARNING | {"datasets", "encodings", "generalization", "generation"},
    "left_out": BASE | {"generalization"},
    "sparse_ring": BASE | LEARNING | {"lattices", "invariants"},
    "beyond_dense": BASE | LEARNING | {"states", "invariants", "recipes", "sparse_ring", "trainability"},
    # 5
    "superiority": BASE | {"generalization"},
    "interfaces": BASE | PHYSICS | LEARNING | {"encodings", "generalization", "recipes"},
    "claims": BASE,
    "answers": BASE | {"trainability"},
    "figures": BASE,
    "pages": BASE,
    "answers_page": BASE | {"answers", "pages"},
    "claims_page": BASE | {"claims", "pages"},
}
"""What each module or family may import from the library, besides its own family."""

DOORS = {
    # where data enters the learning arm: modules that the loop and the models do not import
    "toponn.training.views": {"toponn.datasets", "toponn.encodings", "toponn.encodings.routes", "toponn.states"},
    "toponn.training.runs": {"toponn.datasets", "toponn.states"},
    "toponn.training.search": {"toponn.datasets"},
    "toponn.training.saved": {"toponn.states"},
    # the names of the arrays that all samples share: the family's dict alone, none of its members
    "toponn.training.loop": {"toponn.encodings"},
}
"""Further arrows of single modules, each to exactly these modules."""

THIRD_PARTIES = {
    **dict.fromkeys(
        BASE | PHYSICS | {"recipes", "crystals", "encodings", "datasets", "generation", "phase_maps"}, {"numpy"}
    ),
    **dict.fromkeys(["codetrace", "joblog", "digests", "provenance", "results_folder", "tables", "declared"], set()),
    "options": {"annotated_types"},
    "study": {"annotated_types", "pydantic", "pydantic_core"},
    "yaml_files": {"yaml"},
    "files": {"numpy", "h5py", "pandas"},
    "statistics": {"numpy", "scipy", "pandas"},
    **dict.fromkeys(["lattices", "point_sets", "shapes", "systems", "invariants"], {"numpy", "scipy"}),
    "system_check": {"numpy"},
    "__main__": set(),
    "convergence": {"numpy", "pandas"},
    "states": {"numpy", "torch"},  # the one exception of the physics arm: batched eigensolvers
    "references": {"numpy", "pandas"},
    "models": {"numpy", "torch"},
    "training": {"numpy", "pandas", "torch"},
    "generalization": {"numpy", "pandas", "torch"},
    "trainability": {"numpy", "pandas", "scipy", "torch"},
    "left_out": {"numpy", "pandas"},
    "superiority": {"numpy", "pandas"},
    "interfaces": {"numpy", "pandas", "torch"},
    "sparse_ring": {"numpy", "scipy", "torch"},
    "beyond_dense": {"numpy", "pandas", "torch"},
    "claims": {"numpy", "pandas", "scipy"},
    "answers": {"numpy", "pandas"},
    "pages": set(),
    "answers_page": {"pandas"},
    "claims_page": {"pandas"},
    "figures": {"numpy", "pandas", "scipy", "matplotlib"},
}
SCRIPTS_MAY = {"toponn", "numpy", "pandas", "torch"}
HEAVY = {"torch", "scipy", "matplotlib", "pandas", "h5py"}


# --- Reading ----------------------------------------------------------------------------------------------


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


def imported(name, modules, deferred=True):
    """Return the dotted names that a module imports; within functions or for type checkers only where `deferred`."""
    tree = ast.parse(modules[name])
    inside = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for child in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if node in inside and not deferred:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".") if is_package(name, modules) else name.split(".")[:-1]
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                member = f"{base}.{alias.name}"
                found.add(member if member in modules else base)
    return found


def unit(module):
    """Return the row of the table that a module of the library belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def forbidden_arrows(modules):
    """Return what the table does not allow, as ``a -> b``."""
    wrong = []
    for name in modules:
        for other in sorted(imported(name, modules)):
            if other.split(".")[0] != "toponn":
                continue
            allowed = unit(other) == unit(name) or unit(other) in ARROWS.get(unit(name), set())
            if not allowed and other not in DOORS.get(name, set()):
                wrong.append(f"{name} -> {other}")
    return wrong


def forbidden_third_parties(modules):
    wrong = []
    for name in modules:
        for other in sorted({full.split(".")[0] for full in imported(name, modules)} - STANDARD - {"toponn"}):
            if other not in THIRD_PARTIES.get(unit(name), set()):
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
        for node in ast.parse(text).body
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
        for node in ast.walk(ast.parse(text)):
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
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                values = [v.value for v in node.value.values if isinstance(v, ast.Constant)]
                if values and all(isinstance(v, str) and v.startswith("toponn.") and ":" in v for v in values):
                    keys = [k.value for k in node.value.keys]
                    rows += [(family, key, *value.split(":")) for key, value in zip(keys, values, strict=True)]
    return rows


# --- Laws -------------------------------------------------------------------------------------------------


def test_every_module_of_the_library_has_a_row_in_the_table():
    units = {unit(name) for name in library()} - {"toponn"}
    assert units <= set(ARROWS), "state the level of what is new"
    assert set(ARROWS) == set(THIRD_PARTIES)
    assert set(ARROWS) <= units, "rows of modules that are gone"


def test_the_library_has_no_arrow_beyond_the_table():
    assert forbidden_arrows(library()) == []


def test_the_library_uses_no_package_beyond_the_table():
    assert forbidden_third_parties(library()) == []


def test_the_models_and_the_loop_never_see_lattices_systems_or_invariants():
    modules = library()
    for name in modules:
        if unit(name) in LEARNING:
            units = {unit(other) for other in imported(name, modules)}
            assert not units & {"lattices", "systems", "invariants", "disorder", "shapes", "generation"}, name


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
    reached |= {"toponn.yaml_files", "toponn.codetrace", "toponn.joblog"}
    reached |= {module for family, _, module, _ in registries(modules) if family == "toponn.systems"}
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
    assert {"toponn.systems", "toponn.models", "toponn.encodings", "toponn.invariants"} <= {row[0] for row in rows}
    for family, key, module, attribute in rows:
        assert module in modules, f"{family}: {key}"
        body = ast.parse(modules[module]).body
        defined = [getattr(node, "name", None) for node in body]
        defined += [getattr(target, "id", None) for node in body for target in getattr(node, "targets", [])]
        assert attribute in defined, f"{family}: {key}"


@pytest.mark.parametrize("family", ["toponn.systems", "toponn.models", "toponn.encodings"])
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
    "toponn.models.cnn": "from toponn.checks import choose",
    "toponn.checks": "import numpy as np",
    "toponn.lattices": "",
}


@pytest.mark.parametrize(
    "text",
    [
        "from toponn.lattices import cut",
        "import toponn.lattices",
        "from toponn import lattices",
        "from ..lattices import cut",
        "from .. import lattices",
        "def f():\n    from toponn.lattices import cut",
    ],
)
def test_an_arrow_against_the_table_is_found_however_it_is_written(text):
    assert forbidden_arrows(TINY) == []
    assert forbidden_arrows(TINY | {"toponn.models.cnn": text}) == ["toponn.models.cnn -> toponn.lattices"]


def test_the_door_of_one_module_is_not_open_to_others():
    text = "from toponn.datasets import read_dataset"
    modules = TINY | {"toponn.datasets": "", "toponn.training.runs": text, "toponn.training.loop": text}
    assert forbidden_arrows(modules) == ["toponn.training.loop -> toponn.datasets"]


def test_a_package_against_the_table_is_found():
    assert forbidden_third_parties(TINY) == []
    wrong = TINY | {"toponn.lattices": "def f():\n    import torch.linalg"}
    assert forbidden_third_parties(wrong) == ["toponn.lattices -> torch"]


def test_a_circle_is_found_even_through_a_function():
    wrong = TINY | {"toponn.checks": "def f():\n    from toponn.models import cnn"}
    assert circles(TINY) == []
    assert circles(wrong) == ["toponn.checks", "toponn.models.cnn", "toponn.checks"]


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
    assert dangers(TINY | {"toponn.checks": text})


@pytest.mark.parametrize(
    "text", ["import numpy as np\nnp.seterr(all='raise')", "for i in range(3):\n    pass", "if True:\n    x = 1"]
)
def test_an_import_that_does_something_is_found(text):
    assert effects(TINY) == []
    assert effects(TINY | {"toponn.checks": text})
