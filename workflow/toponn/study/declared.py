"""What a model, a diagnostic or a figure says of itself, read from its file without importing it.

The Snakefile must know which options a model has, which encodings it reads and what a diagnostic needs, and it is
parsed anew by every cluster job; importing torch for that would take two seconds each time. So these facts are written
where a syntax tree shows them: class attributes that are literals, the keyword-only arguments of a constructor or
function with the types of `toponn.tools.options`, and one decorator call. The running job meets the same facts as
ordinary Python.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from toponn.tools import options
from toponn.tools.checks import ConfigError

LIBRARY = Path(__file__).resolve().parents[2]
PLAIN = {kind.__name__: kind for kind in (int, float, str, bool, list, tuple, dict)}
REQUIRED = inspect.Parameter.empty
"""The default of an option that has none."""


@dataclass(frozen=True)
class Option:
    """A keyword that a user may set: its type, one of `toponn.tools.options`, its default and what it is."""

    type: Any
    default: Any = REQUIRED
    description: str = ""


@dataclass(frozen=True)
class Declared:
    """What a class or function declares.

    Attributes
    ----------
    summary : first line of its docstring
    options : its keyword-only arguments
    facts : of a class, its attributes that are literals, those of its bases included
    abstract : of a class, the methods that it and its bases leave open
    record : of a function, what its decorator is given
    """

    row: str
    summary: str
    options: Mapping[str, Option]
    facts: Mapping[str, Any] = field(default_factory=dict)
    abstract: tuple[str, ...] = ()
    record: Any = None


@cache
def declared_class(row: str) -> Declared:
    """Return what the class at ``"module:Class"`` declares.

    Raises
    ------
    ConfigError
        If there is no such class, or a keyword of its constructor has no type of `toponn.tools.options`.
    """
    lineage = list(_lineage(row))
    facts: dict[str, Any] = {}
    described: dict[str, str] = {}
    for _, node in reversed(lineage):
        facts |= _literals(node.body)
        described |= parameters_of(ast.get_docstring(node) or "")
    made = next(((m, f) for m, n in lineage for f in n.body if getattr(f, "name", "") == "__init__"), None)
    found = dict(_options(made[1], made[0], described, row)) if made else {}
    return Declared(row, _summary(lineage[0][1]), found, facts, _abstract(lineage))


@cache
def declared_function(row: str, vocabulary: Any) -> Declared:
    """Return what the function at ``"module:function"`` declares in the one decorator call that `vocabulary` defines.

    Parameters
    ----------
    vocabulary : a module in which the decorator, which is the record, and all names in its call are found

    Raises
    ------
    ConfigError
        If there is no such function, it has no such decorator, or the call uses other names.
    """
    module, name = _Module.of(row.partition(":")[0]), row.partition(":")[2]
    node = next((n for n in module.tree.body if isinstance(n, ast.FunctionDef) and n.name == name), None)
    if node is None:
        raise ConfigError(f"{row}: found no such function; allowed: module:function of a file in {LIBRARY.name}/")
    calls = [d for d in node.decorator_list if isinstance(d, ast.Call) and hasattr(vocabulary, _name(d.func))]
    if not calls:
        raise ConfigError(f"{row}: found no record; allowed: a function under a call of {vocabulary.__name__}")
    try:
        record = _evaluated(calls[0], vars(vocabulary) | module.constants)
    except Exception as error:
        raise ConfigError(f"{row}: its record fails ({type(error).__name__}: {error})") from error
    found = dict(_options(node, module, parameters_of(ast.get_docstring(node) or ""), row))
    return Declared(row, _summary(node), found, record=record)


class _Module:
    """The syntax tree of one file, its literal constants, and where the names that it imports come from."""

    def __init__(self, name: str):
        path = LIBRARY.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        try:
            self.tree = ast.parse(path.read_bytes())
        except FileNotFoundError:
            folder = f"{LIBRARY.name}/{'/'.join(name.split('.')[:-1])}"
            raise ConfigError(f"{name}: found no such file; allowed: a file of {folder}") from None
        except SyntaxError as error:
            raise ConfigError(f"{name}: found {error.msg!r} on line {error.lineno}; allowed: Python code") from None
        self.name, self.constants = name, _literals(self.tree.body)
        imports = [node for node in self.tree.body if isinstance(node, ast.ImportFrom)]
        packages = [alias.name for node in self.tree.body if isinstance(node, ast.Import) for alias in node.names]
        for package in {full.partition(".")[0] for full in [*packages, *(node.module or "" for node in imports)]}:
            if package and find_spec(package) is None:
                raise ConfigError(f"{name}: its file imports {package}, which is not there; allowed: what is installed")
        self.origins = {a.asname or a.name: (node.module or "", a.name) for node in imports for a in node.names}

    @staticmethod
    @cache
    def of(name: str) -> "_Module":
        """Return the module of this name, read once."""
        return _Module(name)


def _lineage(row: str) -> Iterator[tuple[_Module, ast.ClassDef]]:
    """Yield a class and its bases in the project, nearest first."""
    module, name = _Module.of(row.partition(":")[0]), row.partition(":")[2]
    node = next((n for n in module.tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if node is None:
        raise ConfigError(f"{row}: found no such class; allowed: a class in a file of {LIBRARY.name}/")
    yield module, node
    local = {n.name for n in module.tree.body if isinstance(n, ast.ClassDef)}
    for base in map(_name, node.bases):
        origin, there = (module.name, base) if base in local else module.origins.get(base, ("", ""))
        if origin.partition(".")[0] == __name__.partition(".")[0]:
            yield from _lineage(f"{origin}:{there}")


def _abstract(lineage: list[tuple["_Module", ast.ClassDef]]) -> tuple[str, ...]:
    """Return the methods whose nearest definition is an abstract one."""
    nearest: dict[str, ast.FunctionDef] = {}
    for _, node in lineage:
        for method in node.body:
            if isinstance(method, ast.FunctionDef):
                nearest.setdefault(method.name, method)
    return tuple(n for n, m in nearest.items() if "abstractmethod" in map(_name, m.decorator_list))


def _options(node: ast.FunctionDef, module: _Module, described: Mapping[str, str], row: str) -> Iterator:
    """Yield the keyword-only arguments of a function by name."""
    names = vars(options) | module.constants
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        try:
            kind = _evaluated(argument.annotation, names)
            value = REQUIRED if default is None else _evaluated(default, names)
        except Exception as error:
            allowed = "a type of toponn.tools.options and a default that is written out"
            raise ConfigError(f"{row}: {argument.arg}: found {error}; allowed: {allowed}") from error
        yield argument.arg, Option(kind, value, described.get(argument.arg, ""))


def _evaluated(node: ast.expr | None, names: Mapping[str, Any]) -> Any:
    """Return what an expression of names, literals, calls and subscripts gives; nothing else is evaluated."""

    def value(part: ast.expr) -> Any:
        match part:
            case ast.Constant():
                return part.value
            case ast.Name() if part.id in names or part.id in PLAIN:
                return names[part.id] if part.id in names else PLAIN[part.id]
            case ast.Tuple():
                return tuple(map(value, part.elts))
            case ast.List():
                return list(map(value, part.elts))
            case ast.Dict():
                return dict(zip(map(value, part.keys), map(value, part.values), strict=True))
            case ast.UnaryOp(op=ast.USub()):
                return -value(part.operand)
            case ast.BinOp(op=ast.BitOr()):
                return value(part.left) | value(part.right)
            case ast.Subscript():
                return value(part.value)[value(part.slice)]
            case ast.Call():
                keywords = {word.arg: value(word.value) for word in part.keywords if word.arg}
                return value(part.func)(*map(value, part.args), **keywords)
        raise ValueError(ast.unparse(part))

    if node is None:
        raise ValueError("no type")
    return value(node)


def _literals(body: list[ast.stmt]) -> dict[str, Any]:
    """Return the names that are given literals, a constant or one above it."""
    found: dict[str, Any] = {}
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and len(targets) == 1 and node.value is not None:
            try:
                found[_name(targets[0])] = ast.literal_eval(node.value)
            except (ValueError, TypeError):
                continue
    return found


def _name(node: Any) -> str:
    """Return the last part of a name such as ``record.diagnostic``."""
    return getattr(node, "id", getattr(node, "attr", ""))


def _summary(node: ast.ClassDef | ast.FunctionDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]


def parameters_of(docstring: str) -> dict[str, str]:
    r"""Return what the section Parameters of a docstring says of each name, on one line.

    Examples
    --------
    >>> parameters_of("Do.\n\nParameters\n----------\na, b : sizes\n    of all\nc : rest\n\nReturns\n-------\nNothing")
    {'a': 'sizes of all', 'b': 'sizes of all', 'c': 'rest'}
    """
    section = re.search(r"^Parameters\n-+\n(.*?)(?:\n\n[A-Z]\w+\n-+\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    found: dict[str, str] = {}
    for names, text in re.findall(r"^([\w, ]+)(?: : |\n)((?:.*(?:\n[ \t]+.*)*))", section[1] if section else "", re.M):
        found |= {name.strip(): " ".join(text.split()) for name in names.split(",")}
    return found
