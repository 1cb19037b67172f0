"""Which project files a script reaches through its imports, and a digest of what each of them does.

Snakemake sees the modification time of a script, not the modules that it imports. Each rule therefore
carries one string per file, ``"path digest"``, as parameters: it reruns when the code of one of them
changes, and a dry run names the file. `toponn.tools.jobcode` says what counts as code. The rows of a family's
dict (``"haldane": "toponn.matter.systems.haldane:Haldane"``) do not: a job that works on one member is told
its row and adds that member's module, so that a new member reruns nothing. Names in strings are not followed,
for the same reason.
"""

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from toponn.tools.jobcode import NO_CODE, PROJECT, CodeError, digest_of, is_row, parsed

LIBRARY = "workflow"  # the folder of the project where its packages lie


class Trace:
    """The project as it is now: each of its files is looked for once, and read once.

    Parameters
    ----------
    root
        The project's root; packages are looked for in its folder ``workflow``.
    known
        Of files that are not to be read again, because the run began with them: their digests and what they reach.
    """

    def __init__(self, root: Path | str = PROJECT, known: Mapping[str, tuple[str, list[str]]] | None = None):
        self.root = Path(root).absolute()
        self.known = dict(known or {})
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
        CodeError
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
        >>> Trace().member_module("toponn.study.codetrace:CodeError")
        'workflow/toponn/study/codetrace.py'
        """
        module = row.partition(":")[0]
        files = self._files_of(module)
        stem = f"{LIBRARY}/{module.replace('.', '/')}"
        if not is_row(row) or not files or files[-1] not in (f"{stem}.py", f"{stem}/__init__.py"):
            raise CodeError(f"{row}: found no such module; allowed: package.module:Attribute of a file in {LIBRARY}/")
        return files[-1]

    def read_all(self) -> None:
        """Read every file that a job may reach, but for those that no job could load."""
        for folder in ("scripts", LIBRARY):
            for path in sorted((self.root / folder).rglob("*.py")):
                with suppress(CodeError):
                    self._read(self._relative(path))

    def _relative(self, path: str | Path) -> str:
        """Return `path` relative to the root, with forward slashes."""
        full = self.root / path
        if not full.is_relative_to(self.root) or ".." in full.parts:
            raise CodeError(f"{path}: found a file outside the project; allowed: paths under its root")
        return full.relative_to(self.root).as_posix()

    def _read(self, path: str) -> tuple[str, list[str]]:
        """Return the digest of a file, and the files that run before it or by its imports."""
        if path not in self.known:
            try:
                source = (self.root / path).read_bytes()
            except OSError as error:
                raise CodeError(f"{path}: found no readable file; allowed: a Python file of the project") from error
            tree = parsed(source, path)
            imports = tuple(dict.fromkeys(_imports(tree, path)))
            folders = Path(path).parts[1:-1] if path.startswith(f"{LIBRARY}/") else ()
            names = (".".join(folders), *imports) if folders else imports
            reached = dict.fromkeys(file for name in names for file in self._files_of(name))
            self.known[path] = digest_of(tree), [file for file in reached if file not in NO_CODE]
        return self.known[path]

    def _files_of(self, module: str) -> list[str]:
        """Return the project's files that importing `module` runs: its packages' ``__init__``, then its own."""
        if module not in self._files:
            package = module.rpartition(".")[0]
            stem = "/".join((LIBRARY, *module.split(".")))
            own = next((f for f in (f"{stem}/__init__.py", f"{stem}.py") if (self.root / f).is_file()), None)
            self._files[module] = (self._files_of(package) if package else []) + ([own] if own else [])
        return self._files[module]


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
