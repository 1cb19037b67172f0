"""The code of a job: what each file does, as a digest, and a job that loads no other code than its parameters name.

Parameters are taken when the Snakefile is parsed, modules are imported when the job runs, minutes or days later. An
edit, a ``git stash`` or a change of branch in between would leave results that count as those of the recorded code,
even after it is taken back. So a job compares the text of each module with the digest among its parameters, and
compiles that very text: Python's own cache knows a text by its size and the second of its last change alone.
"""

import ast
import gc
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

PROJECT = Path(__file__).resolve().parents[3]
RECORDS = ("diagnostic", "figure")
"""Decorators that keep a record for the rules."""
NO_CODE = tuple(f"workflow/toponn/tools/{name}.py" for name in ("joblog", "provenance", "jobcode"))
"""Files that are no job's code: they say how far a job is, what made a file, and which code there is, but no number."""
PREAMBLE = "######## snakemake preamble end #########\n"
"""What Snakemake puts above the text of a script that it runs."""
_FILE = re.compile(r"\S+\.py [0-9a-f]{12}")
_ROW = re.compile(r"\w+(\.\w+)*:\w+")


class CodeError(ImportError):
    """Code that cannot be read, or is not that of a job's parameters; the message is one sentence."""


def parsed(source: bytes, path: str) -> ast.Module:
    """Return the syntax tree of a file.

    Raises
    ------
    CodeError
        If it is not Python.
    """
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line, reason = getattr(error, "lineno", None), str(getattr(error, "msg", error)).splitlines()[0]
        raise CodeError(f"{path}: found {reason!r} on line {line or 1}; allowed: Python code") from error


def digest_of(tree: ast.Module) -> str:
    """Return twelve hexadecimal digits of what a file does.

    Formatting, comments and docstrings are no code. Nor are the rows of families, of which each job is told its own,
    and what else the rules tell a job by parameters: what is annotated `toponn.tools.options.Told`, and records.
    """
    found: list[str] = []
    _spell(tree, found)
    return hashlib.sha256(",".join(found).encode()).hexdigest()[:12]


def _spell(node: Any, found: list[str]) -> None:
    """Append the words of a syntax tree that are code; `ast.dump` takes three times as long, in every job."""
    if isinstance(node, ast.AST):
        found.append(type(node).__name__)
        for name in node._fields:
            value = getattr(node, name, None)
            if name in ("body", "orelse", "finalbody") and isinstance(value, list):
                value = [line for line in value if not (_is_text(line) or _is_told(line))]
            elif name == "decorator_list":
                value = [decorator for decorator in value if _called(decorator) not in RECORDS]
            elif name == "value" and isinstance(value, ast.Dict) and node.col_offset == 0 and _is_family(value):
                value = "a family"
            _spell(value, found)
        found.append(")")
    elif isinstance(node, list):
        found.append("[")
        for part in node:
            _spell(part, found)
        found.append("]")
    else:
        found.append(repr(node))


def is_row(text: str) -> bool:
    """Return whether `text` has the form ``"module:attribute"``."""
    return bool(_ROW.fullmatch(text))


def _is_told(line: ast.AST) -> bool:
    """Return whether `line` gives a value to a name that is annotated `toponn.tools.options.Told`."""
    return type(line) is ast.AnnAssign and getattr(line.annotation, "id", "") == "Told"


def _called(decorator: ast.expr) -> str:
    """Return the name of a decorator that is a call."""
    return getattr(getattr(decorator, "func", None), "id", "")


def _is_text(line: ast.AST) -> bool:
    """Return whether `line` is nothing but a string: a docstring of whatever stands above or around it."""
    return type(line) is ast.Expr and isinstance(getattr(line.value, "value", None), str)


def _is_family(table: ast.Dict) -> bool:
    """Return whether every value of `table` is a row ``"module:attribute"``."""
    rows = [getattr(value, "value", None) for value in table.values]
    return bool(rows) and all(isinstance(row, str) and is_row(row) for row in rows)


# --- The code that a job may load ----------------------------------------------------------------------------


@contextmanager
def held_to(parameters: Iterable[Any]) -> Iterator[None]:
    """Let only that code of the project be loaded, and those rows of families be used, that `parameters` name.

    Without a parameter ``"path digest"``, as outside of the workflow, nothing is held.

    Raises
    ------
    CodeError
        If what is loaded already, the job's own script among it, is other code.
    """
    held = _Held(parameters)
    if not held.files:
        yield
        return
    held.check_loaded()
    sys.meta_path.insert(0, held)
    try:
        yield
    finally:
        sys.meta_path.remove(held)


def check_row(name: str, row: str) -> None:
    """Refuse a row of a family that the parameters of the running job do not name.

    Raises
    ------
    CodeError
        If it is another than when the run began, or the rule does not tell its jobs of it.
    """
    for held in sys.meta_path:
        if not isinstance(held, _Held) or f"{name} {row}" in held.rows:
            continue
        if any(text.startswith(f"{name} ") for text in held.rows):
            raise CodeError(changed(f"{name} ({row})"))
        raise CodeError(f"{name} ({row}): the parameters of this job's rule do not name it (toponn.study.code)")


def changed(what: str) -> str:
    """Return what is said of code that is another by now."""
    return f"{what}: the code is not that with which this run began; the same command runs what there is now"


class _Held:
    """Finds the modules of the project, before Python does, and compares their code with a job's parameters."""

    def __init__(self, parameters: Iterable[Any]):
        values = (value for given in parameters for value in (given if isinstance(given, list) else [given]))
        texts = [value for value in values if isinstance(value, str)]
        self.files = dict(text.split() for text in texts if _FILE.fullmatch(text))
        self.rows = {text for text in texts if is_row(text.rpartition(" ")[2])}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return where a module of the project lies, and what loads it; nothing of other modules."""
        if not name.startswith(f"{__name__.partition('.')[0]}."):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.origin:
            spec.loader = _Loader(name, spec.origin, self)
        return spec

    def compiled(self, source: bytes, path: str) -> CodeType:
        """Return the code of a file if it is that of the parameters."""
        relative = Path(path).resolve().relative_to(PROJECT).as_posix()
        gc.disable()  # beside torch, each collection takes longer than the whole file
        try:
            tree = parsed(source, relative)
            if relative not in NO_CODE and digest_of(tree) != self.files.get(relative):
                raise CodeError(changed(relative))
            return compile(tree, path, "exec", dont_inherit=True)
        finally:
            gc.enable()

    def check_loaded(self) -> None:
        """Refuse what is loaded already unless it is the code of the parameters."""
        package = __name__.partition(".")[0]
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == package and getattr(module, "__file__", None):
                self.compiled(Path(module.__file__).read_bytes(), module.__file__)
        running = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
        for path in self.files:
            if path.startswith("scripts/") and running.is_file():
                source = running.read_text(encoding="utf-8").rpartition(PREAMBLE)[2]
                self.compiled(source.encode(), str(PROJECT / path))


class _Loader(SourceFileLoader):
    """Loads a module from its text, never from Python's cache."""

    def __init__(self, name: str, path: str, held: _Held):
        super().__init__(name, path)
        self.held = held

    def get_code(self, fullname: str) -> CodeType:
        return self.held.compiled(self.get_data(self.path), self.path)
