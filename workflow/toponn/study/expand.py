"""The short form of a study: entries like others, families of sizes, entries that are removed, and parts that are left.

In the tables of `TABLES`

- ``like: qwz_8`` takes all keys of another entry but its ``label``; keys that are given replace the other's, whole;
- ``sizes: [6, 8, 12]`` in an entry ``ssh`` of ``datasets`` makes the datasets ``ssh_6``, ``ssh_8`` and ``ssh_12`` but
  no ``ssh``; an entry of such a name that says neither ``system`` nor ``like`` gives what is different in it;
- ``size: 12`` stands for a ``shape``: a chain of 12 cells, or a square of side 12.

A key that is null is as if it were not there: ``tasks: {winding: null}``, ``datasets: {ssh_400: null}``.

``only`` narrows the study: a name or names of tasks, models and diagnostics, or a table ``{tasks: …, models: …,
diagnostics: …}``. What refers to the rest goes with it, as it does where a task lists fewer models or is removed: so
``snakemake --config only=chern`` is a study of the plane.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from toponn.matter.systems import SYSTEMS
from toponn.tools.checks import ConfigError, Words, nearest, refusal, resolve, unknown_key

TABLES = ("datasets", "models", "maps", "convergence", "ceiling", "interfaces")
"""Tables whose entries may be like others."""

SHORT = {
    "like": "Another entry of this table, whose keys this one has, but for those that it gives itself.",
    "sizes": "Of datasets: one for each of these sizes, of the name <entry>_<size>, instead of this one.",
    "size": "Instead of a shape: cells of a chain, or the side of a square.",
}
"""Keys of the short form, and what they are."""

SHAPED = ("datasets", "maps", "interfaces")
LABELS = ("maps", "convergence", "ceiling")
NARROWED = {"tasks": "tasks", "models": "models", "diagnostics": "trainability"}
"""What ``only`` may name, and the table that it stands in."""

Origins = dict[tuple[str, str], dict[str, str]]


def short_keys(table: str) -> list[str]:
    """Return the keys of the short form that entries of a table may have."""
    return ["like"] * (table in TABLES) + ["size"] * (table in SHAPED) + ["sizes"] * (table == "datasets")


def expanded(raw: Any) -> tuple[Any, Origins]:
    """Return a study written out, and of each entry the entry in which each of its keys is written.

    Raises
    ------
    ConfigError
        If the short form refers to what is not there, or to itself.
    """
    if not isinstance(raw, Mapping):
        return raw, {}
    study, origins = _without_nulls(raw), {}
    gone = {name for table in ("models", "datasets") for name, entry in _table(raw, table).items() if entry is None}
    if gone and isinstance(study.get("tasks"), Mapping):
        study["tasks"] = {task: _without(parts, gone) for task, parts in study["tasks"].items()}
    for table in TABLES:
        if isinstance(study.get(table), Mapping):
            removed = {name for name, entry in raw[table].items() if entry is None}
            written = _Entries(table, study[table])
            study[table], sources = written.out(removed)
            origins |= {(table, name): keys for name, keys in sources.items()}
    if isinstance(study.get("trainability"), Mapping):
        entries = study["trainability"].items()
        study["trainability"] = {k: {"diagnostic": k, **e} if isinstance(e, Mapping) else e for k, e in entries}
    if "only" in study:
        _narrow(study, study.pop("only"))
    _prune(study)
    return study, origins


def _without_nulls(value: Any) -> Any:
    """Return tables without keys that are null, except how weights are fitted, where null is a value."""
    if not isinstance(value, Mapping):
        return value
    return {k: v if k == "training" else _without_nulls(v) for k, v in value.items() if v is not None}


def _without(value: Any, gone: set[str]) -> Any:
    """Return a task without entries that were removed by null; the dataset that it trains on stays, to be refused."""
    if isinstance(value, list):
        return [name for name in value if not (isinstance(name, str) and name in gone)]
    if not isinstance(value, Mapping):
        return value
    kept = {key: _without(part, gone) for key, part in value.items() if key not in gone}
    return {k: p for k, p in kept.items() if k == "dataset" or not (isinstance(p, str) and p in gone)}


# --- Entries that refer to others ------------------------------------------------------------------------------------


class _Entries:
    """A table of the study in its short form.

    Attributes
    ----------
    made : of each dataset that a family makes, the family and the size
    """

    def __init__(self, table: str, entries: Mapping[str, Any]):
        self.table, self.entries = table, entries
        self.made: dict[str, tuple[str, Any]] = {}
        for name, entry in entries.items():
            if table == "datasets" and isinstance(entry, Mapping) and "sizes" in entry:
                self.made |= {f"{name}_{size}": (name, size) for size in self._sizes(name, entry["sizes"])}

    def _sizes(self, name: str, sizes: Any) -> list[Any]:
        whole = isinstance(sizes, list) and all(type(size) is int and size > 0 for size in sizes)
        if not whole or not sizes or len(set(sizes)) < len(sizes):
            allowed = "a list of 1 or more whole numbers from 1, each once"
            raise ConfigError(refusal(f"{self.table}.{name}.sizes", sizes, allowed))
        return sizes

    def out(self, removed: set[str]) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
        """Return the entries written out, without those that are `removed`, and where each key is written."""
        families = {family for family, _ in self.made.values()}
        names = [name for name in dict.fromkeys([*self.made, *self.entries]) if name not in families | removed]
        found, origins = {}, {}
        for name in names:
            keys = self.keys(name, ())
            if keys is None:
                found[name] = self.entries[name]
                continue
            found[name] = {key: deepcopy(value) for key, (value, _) in keys.items()}
            origins[name] = {key: origin for key, (_, origin) in keys.items()}
            if self.table in SHAPED and "size" in found[name]:
                self._shape(name, found[name])
        return found, origins

    def keys(self, name: str, chain: tuple[str, ...]) -> dict[str, tuple[Any, str]] | None:
        """Return the keys of an entry with their values and the entry in which each is written; None if it is none."""
        entry = self.entries.get(name, {})
        if not isinstance(entry, Mapping):
            return None
        own = {key: (value, name) for key, value in entry.items() if key != "like"}
        if self.table in SHAPED and "shape" in own and ("size" in own or "sizes" in own):
            found, allowed = Words("a shape beside a size"), "one of the two; an overlay removes the other by null"
            raise ConfigError(refusal(f"{self.table}.{name}.shape", found, allowed))
        if name in self.made and not {"system", "like"} & set(entry):
            family, size = self.made[name]
            inherited = {**(self.keys(family, (*chain, name)) or {}), "size": (size, family)}
        elif "like" in entry:
            inherited = self.keys(self._other(name, entry["like"], chain), (*chain, name)) or {}
        else:
            return own
        another = {"size": "shape", "shape": "size"}
        dropped = {"sizes", "label", *(another[key] for key in another if key in own)}
        return {key: value for key, value in inherited.items() if key not in dropped} | own

    def _other(self, name: str, like: Any, chain: tuple[str, ...]) -> str:
        """Return the entry that one says it is like."""
        where = f"{self.table}.{name}.like"
        known = [other for other in dict.fromkeys([*self.entries, *self.made]) if other != name]
        if not isinstance(like, str) or like not in known:
            raise ConfigError(refusal(where, like, f"another entry: {', '.join(known)}", nearest(like, known)))
        if like in {family for family, _ in self.made.values()} and not {"size", "sizes", "shape"} & set(
            self.entries[name]
        ):
            made = [one for one, (family, _) in self.made.items() if family == like]
            allowed = f"a dataset of this family ({', '.join(made)}), or a size beside it"
            raise ConfigError(refusal(where, like, allowed, made[0]))
        if like in chain:
            circle = " like ".join((*chain[chain.index(like) :], name, like))
            raise ConfigError(refusal(where, like, f"an entry that is not like this one ({circle})"))
        return like

    def _shape(self, name: str, entry: dict[str, Any]) -> None:
        """Replace a size by the chain or square that it stands for."""
        size = entry.pop("size")
        if "system" not in entry:
            return
        where = f"{self.table}.{name}"
        chain = getattr(resolve(SYSTEMS, entry["system"], f"{where}.system"), "task", "") == "winding"
        if type(size) not in ((int,) if chain else (int, float)) or not size > 0:
            allowed = "a whole number of cells from 1" if chain else "a number above 0"
            raise ConfigError(refusal(f"{where}.size", size, allowed))
        entry["shape"] = {"name": "segment", "size": [size]} if chain else {"name": "rectangle", "size": [size, size]}


# --- What is left --------------------------------------------------------------------------------------------------


def _narrow(study: dict[str, Any], only: Any) -> None:
    """Leave of tasks, models and diagnostics those that are named, where one of their kind is."""
    tables = {kind: _table(study, table) for kind, table in NARROWED.items()}
    named = _named(only, tables)
    if "diagnostics" in named:
        study["trainability"] = _of(tables["diagnostics"], named["diagnostics"])
    if "tasks" in named:
        study["tasks"] = _of(tables["tasks"], named["tasks"])
    if "models" not in named:
        return
    starts = {m: e.get("start", "random") for m, e in tables["models"].items() if isinstance(e, Mapping)}
    left = {}
    for task, parts in _table(study, "tasks").items():
        listed = parts.get("models") if isinstance(parts, Mapping) else None
        if not isinstance(listed, list):
            left[task] = parts
            continue
        models = [name for name in listed if name in named["models"] or name not in list(tables["models"])]
        if any(not isinstance(name, str) or starts.get(name, "random") == "random" for name in models):
            left[task] = {**parts, "models": models}
    if not left:
        allowed = "names that leave a task a model with a random start, since only these are put to the tests"
        raise ConfigError(refusal("only", only, allowed))
    study["tasks"] = left


def _named(only: Any, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names that are left of each kind of which some is named."""
    if isinstance(only, Mapping):
        for kind in only:
            if kind not in tables:
                raise ConfigError(unknown_key(f"only.{kind}", kind, tables, only))
        return {kind: _names(given, f"only.{kind}", tables[kind]) for kind, given in only.items()}
    names = _names(only or [only], "only", [name for table in tables.values() for name in table])
    found = {kind: [name for name in names if name in table] for kind, table in tables.items()}
    for name in names:
        kinds = [kind for kind, some in found.items() if name in some]
        if len(kinds) > 1:
            allowed = " or ".join(f"only: {{{kind}: {name}}}" for kind in kinds)
            raise ConfigError(refusal("only", name, f"{allowed}, since it is a name of both"))
    return {kind: some for kind, some in found.items() if some}


def _names(given: Any, where: str, known: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Return a name, or names, of which each is known."""
    names = given if isinstance(given, list) else [given]
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ConfigError(refusal(where, name, f"names among {', '.join(known)}", nearest(name, known)))
    return names


def _prune(study: dict[str, Any]) -> None:
    """Leave out what refers to models that a task does not train, and to tasks that are not there."""
    known, tasks = list(_table(study, "models")), _table(study, "tasks")
    for task, parts in tasks.items():
        if isinstance(parts, Mapping) and isinstance(parts.get("models"), list):
            tasks = {**tasks, task: _pruned(parts, lambda name, own=parts["models"]: name in own or name not in known)}
    if tasks:
        study["tasks"] = tasks
    for table in LABELS:
        if isinstance(study.get(table), Mapping):
            study[table] = {name: entry for name, entry in study[table].items() if _task(entry) in (None, *tasks)}
    chern = _table(tasks, "chern")
    trained = chern["models"] if isinstance(chern.get("models"), list) else []

    def kept(entry: Any) -> bool:
        model = entry.get("model") if isinstance(entry, Mapping) else None
        return "chern" in tasks and (model in trained or model not in known)

    if isinstance(study.get("interfaces"), Mapping):
        study["interfaces"] = {name: entry for name, entry in study["interfaces"].items() if kept(entry)}
    beyond = study.get("beyond_dense")
    if not kept(beyond) or isinstance(beyond, Mapping) and beyond.get("samples") == {}:
        study.pop("beyond_dense", None)


def _pruned(parts: Mapping[str, Any], kept: Callable[[Any], bool]) -> dict[str, Any]:
    """Return a task without what refers to models that are not kept, and without parts that have none left."""
    parts = dict(parts)
    for key in ("sizes", "left_out", "diagnosed"):
        part = parts.get(key)
        if not isinstance(part, Mapping):
            continue
        part = dict(part)
        if isinstance(part.get("models"), list):
            part["models"] = [name for name in part["models"] if kept(name)]
        if isinstance(part.get("seeds"), Mapping):
            part["seeds"] = {name: seeds for name, seeds in part["seeds"].items() if kept(name)}
        if [] in (part.get("models"), part.get("datasets")):
            del parts[key]
        else:
            parts[key] = part
    return parts


def _task(entry: Any) -> str | None:
    """Return the task of the system that an entry names, None where it names none."""
    try:
        return getattr(resolve(SYSTEMS, entry["system"], "system"), "task", None)
    except (ConfigError, KeyError, TypeError):
        return None


def _table(study: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a table of the study, without keys where it is none."""
    return study[name] if isinstance(study.get(name), Mapping) else {}


def _of(table: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the entries of these names."""
    return {name: entry for name, entry in table.items() if name in names}
