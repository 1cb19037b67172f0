"""Which project files a script reaches through its imports, and a digest of what each of them does.

Snakemake sees the modification time of a script, not the modules that it imports. Each rule therefore
carries one string per file, ``"path digest"``, as parameters: it reruns when the code of one of them
changes, and a dry run names the file. Formatting, comments and docstrings are no code. Nor are the rows
of a family's dict (``"haldane": "toponn.matter.systems.haldane:Haldane"``): a job that works on one member adds
that member's module, so that a new member reruns nothing. Names in strings are not followed, for the same
reason. Declarations that the rules tell a job by parameters are no code of its own either: what is annotated `Told`
(the columns of tables), and the records above diagnostics and figures.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
LIBRARY = "workflow"  # the folder of the project where its packages lie
RECORDS = ("diagnostic", "figure")
"""Decorators that keep a record for the rules."""
_ROW = re.compile(r"\w+(\.\w+)*:\w+")


class TraceError(ValueError):
    """A file that cannot be traced; the message is one sentence that says which and why."""


class Trace:
    """The project as it is now: each of its files is looked for once, and read once.

    Parameters
    ----------
    root
        The project's root; packages are looked for in its folder ``workflow``.
    """

    def __init__(self, root: Path | str = PROJECT):
        self.root = Path(root).absolute()
        self._known: dict[str, tuple[str, list[str]]] = {}
        self._files: dict[str, list[str]] = {}

    def code_of(self, *paths: str | Path) -> list[str]:
        """Return ``"relative/path digest"`` for each project file that `paths` reach through imports, sorted.

        Parameters
        ----------
        *paths
            Scripts and modules, relative to the root.

        Returns
        -------
        list of str
            One string per file, `paths` and the ``__init__`` of every package on the way among them. The digest
            is that of the syntax tree without positions, docstrings and rows of families; it may differ between
            versions of Python.

        Raises
        ------
        TraceError
            If a file does not exist, lies outside the root, or is not Python.
        """
        waiting = [self._relative(path) for path in paths]
        digests: dict[str, str] = {}
        while waiting:
            path = waiting.pop()
            if path not in digests:
                digests[path], reached = self._read(path)
                waiting += reached
        return [f"{path} {digest}" for path, digest in sorted(digests.items())]

    def member_module(self, row: str) -> str:
        """Return the path of the module that a row of a family's dict points at, relative to the root.

        Give the row to the job as a parameter too: that it points at another attribute of the same module changes
        no digest.

        Examples
        --------
        >>> Trace().member_module("toponn.study.codetrace:TraceError")
        'workflow/toponn/study/codetrace.py'
        """
        module = row.partition(":")[0]
        files = self._files_of(module)
        stem = f"{LIBRARY}/{module.replace('.', '/')}"
        if not _ROW.fullmatch(row) or not files or files[-1] not in (f"{stem}.py", f"{stem}/__init__.py"):
            raise TraceError(f"{row}: found no such module; allowed: package.module:Attribute of a file in {LIBRARY}/")
        return files[-1]

    def _relative(self, path: str | Path) -> str:
        """Return `path` relative to the root, with forward slashes."""
        full = self.root / path
        if not full.is_relative_to(self.root) or ".." in full.parts:
            raise TraceError(f"{path}: found a file outside the project; allowed: paths under its root")
        return full.relative_to(self.root).as_posix()

    def _read(self, path: str) -> tuple[str, list[str]]:
        """Return the digest of a file, and the files that run before it or by its imports."""
        if path not in self._known:
            try:
                source = (self.root / path).read_bytes()
            except OSError as error:
                raise TraceError(f"{path}: found no readable file; allowed: a Python file of the project") from error
            digest, imports = _contents(source, path)
            folders = Path(path).parts[1:-1] if path.startswith(f"{LIBRARY}/") else ()
            names = (".".join(folders), *imports) if folders else imports
            self._known[path] = digest, list(dict.fromkeys(file for name in names for file in self._files_of(name)))
        return self._known[path]

    def _files_of(self, module: str) -> list[str]:
        """Return the project's files that importing `module` runs: its packages' ``__init__``, then its own."""
        if module not in self._files:
            package = module.rpartition(".")[0]
            stem = "/".join((LIBRARY, *module.split(".")))
            own = next((f for f in (f"{stem}/__init__.py", f"{stem}.py") if (self.root / f).is_file()), None)
            self._files[module] = (self._files_of(package) if package else []) + ([own] if own else [])
        return self._files[module]


def _contents(source: bytes, path: str) -> tuple[str, tuple[str, ...]]:
    """Return the digest of `source` and the names of the modules that it may import."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        reason = str(getattr(error, "msg", error)).splitlines()[0]
        raise TraceError(f"{path}: found {reason!r} on line {line or 1}; allowed: Python code") from error
    imports = tuple(dict.fromkeys(_imports(tree, path)))
    text = ast.dump(_without_words(tree), annotate_fields=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12], imports


def _imports(tree: ast.AST, path: str) -> Iterator[str]:
    """Yield the modules, or names of modules, that `tree` imports anywhere but for type checkers alone."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, path)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)  # a module, or else not found
        elif isinstance(node, ast.If) and _is_for_type_checkers(node.test):
            nodes += node.orelse
        else:
            nodes += ast.iter_child_nodes(node)


def _base(node: ast.ImportFrom, path: str) -> str:
    """Return the module that ``from … import`` names, relative ones resolved against the module at `path`."""
    if not node.level:
        return node.module or ""
    package = Path(path).parts[1:-1]
    package = package[: len(package) - (node.level - 1)]
    return ".".join((*package, *([node.module] if node.module else [])))


def _is_for_type_checkers(test: ast.expr) -> bool:
    """Return whether `test` is ``TYPE_CHECKING`` or ``typing.TYPE_CHECKING``."""
    return "TYPE_CHECKING" in (getattr(test, "id", None), getattr(test, "attr", None))


def _without_words(tree: ast.Module) -> ast.Module:
    """Remove docstrings, the rows of families and what rules tell by parameters from `tree`."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                block[:] = [line for line in block if not (_is_text(line) or _is_told(line))]
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [d for d in node.decorator_list if _called(d) not in RECORDS]
    for node in tree.body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Dict) and _is_family(value):
            value.keys, value.values = [], []
    return tree


def _is_told(line: ast.AST) -> bool:
    """Return whether `line` gives a value to a name that is annotated `toponn.tools.options.Told`."""
    return isinstance(line, ast.AnnAssign) and getattr(line.annotation, "id", "") == "Told"


def _called(decorator: ast.expr) -> str:
    """Return the name of a decorator that is a call."""
    return getattr(getattr(decorator, "func", None), "id", "")


def _is_text(line: ast.AST) -> bool:
    """Return whether `line` is nothing but a string: a docstring of whatever stands above or around it."""
    return isinstance(line, ast.Expr) and isinstance(getattr(line.value, "value", None), str)


def _is_family(table: ast.Dict) -> bool:
    """Return whether every value of `table` is a row ``"module:attribute"``."""
    rows = [getattr(value, "value", None) for value in table.values]
    return bool(rows) and all(isinstance(row, str) and _ROW.fullmatch(row) for row in rows)
