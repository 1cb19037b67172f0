"""YAML files that a user wrote, read strictly: no key twice, no aliases, no tags, nothing that could run or explode.

Snakemake's own reader takes the last of two equal keys, follows aliases until memory ends, runs Python where a file
asks for it by ``__use_yte__``, and answers other mistakes with a traceback. The profile and the Snakefile therefore
call `refuse_arguments` and `refuse_files` before Snakemake opens a file. Nothing here is recursive, so that no nesting
can exhaust the stack.
"""

import argparse
import re
import stat
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from toponn.tools.checks import ConfigError, Words, dotted, refusal

DEEPEST = 16
"""Lists and tables within each other; a study has 7."""

LARGEST = 1 << 18
"""Bytes of a file; config.yaml has 35 thousand."""

INTEGER, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"

PLAIN = "plain values: text, numbers, true, false, lists and tables"


def refuse_files(paths: Iterable[str | Path]) -> None:
    """End the program with one sentence and exit code 1 if one of the files is no table in plain YAML."""
    try:
        for path in paths:
            read_yaml(path)
    except ConfigError as error:
        sys.exit(f"config: {error}")


def refuse_arguments(arguments: Sequence[str]) -> None:
    """End the program like `refuse_files` if --configfile or --config of a snakemake command is none."""
    given = config_arguments(arguments)
    refuse_files(given["configfile"])
    try:
        _check_entries(given["config"])
    except ConfigError as error:
        sys.exit(f"config: {error}")


def config_arguments(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return what follows ``--configfile`` and ``--config`` (``-C``) in the arguments of a snakemake command.

    Examples
    --------
    >>> config_arguments(["all", "--configfile", "a.yaml", "b.yaml", "-n", "--config", "seed=1"])
    {'configfile': ['a.yaml', 'b.yaml'], 'config': ['seed=1']}
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="extend", default=[])
    parser.add_argument("--config", "-C", nargs="*", action="extend", default=[])
    try:
        return vars(parser.parse_known_args(arguments)[0])
    except argparse.ArgumentError:  # no file follows: Snakemake says so
        return {"configfile": [], "config": []}


def _check_entries(entries: Sequence[str]) -> None:
    """Refuse what follows --config if it is not plain, or a key comes twice, of which Snakemake takes the last."""
    keys: set[str] = set()
    for entry in entries:
        _check_entry(entry)
        key = entry.partition("=")[0]
        if key in keys:
            raise ConfigError(refusal("--config", Words(f"the key {_short(key)} a second time"), "each key once"))
        keys.add(key)


def _check_entry(entry: str) -> None:
    """Refuse what follows --config unless it is ``key=value`` with a plain value."""
    key, _, value = entry.partition("=")
    if "=" not in entry or not re.fullmatch(r"[A-Za-z_][\w-]*\w", key):
        raise ConfigError(refusal("--config", entry[:60], "key=value, of the keys of config.yaml"))
    if value and not value.partition("#")[0].strip():  # YAML reads nothing, and Snakemake fails at that
        raise ConfigError(refusal(f"--config {key}", value[:60], "a value"))
    try:
        _value_of(value.encode("utf-8", "surrogateescape"), f"--config {key}")
    except yaml.YAMLError:  # Snakemake takes it for text
        return


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Return the table that a YAML file holds.

    Raises
    ------
    ConfigError
        If it is no such file, in one sentence that names file, line, what was found and what is allowed.
    """
    where = str(path) if str(path).isprintable() else repr(str(path))
    try:
        kind = Path(path).stat().st_mode
        if not stat.S_ISREG(kind):  # a pipe would hang, and Snakemake opens the file once more
            found = "a folder" if stat.S_ISDIR(kind) else "a pipe or device"
            raise ConfigError(refusal(where, Words(found), "a YAML file"))
        with Path(path).open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ConfigError(refusal(where, Words("no such file"), "a YAML file")) from None
    except OSError as error:
        raise ConfigError(refusal(where, Words(f"no readable file ({error.strerror})"), "a YAML file")) from None
    return table_of(content, where)


def table_of(content: bytes, where: str) -> dict[str, Any]:
    """Return the table that the bytes of a YAML file hold; errors name the file as `where`.

    Raises
    ------
    ConfigError
        If they hold anything else.
    """
    try:
        value = _value_of(content, where)
    except yaml.YAMLError as error:
        raise ConfigError(_sentence(error, where)) from None
    if type(value) is not dict:
        raise ConfigError(refusal(where, Words(_kind(value)), "a table: lines of `key: value`"))
    return value


def _value_of(content: bytes, where: str) -> Any:
    """Return what the bytes hold; YAML's own errors come as they are."""
    if len(content) > LARGEST:
        raise ConfigError(refusal(where, Words(f"more than {LARGEST} bytes"), "files of a study, which are shorter"))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02x}, which is no UTF-8"
        raise ConfigError(refusal(f"{where}, line {line}", Words(found), "text in UTF-8")) from None
    builder = _Builder(where)
    for event in yaml.parse(text, Loader=yaml.SafeLoader):  # not libyaml, which takes what Snakemake's reader refuses
        builder.take(event)
    return builder.result


def _sentence(error: yaml.YAMLError, where: str) -> str:
    """Return in one sentence where the parser stopped."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f"{where}, line {mark.line + 1}" if mark else where
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    return refusal(place, Words(f"no YAML ({' '.join(str(reason).split())})"), "YAML, indented by spaces")


def _kind(value: Any) -> str:
    """Return what a file holds that is no table."""
    return "nothing" if value is None else "a list" if isinstance(value, list) else "a single value"


class _Builder:
    """Puts the events of YAML's parser together to a value, and refuses what is not plain."""

    def __init__(self, where: str):
        self.where = where
        self.result: Any = None
        self.documents = 0
        self.open: list[tuple[Any, Any]] = []
        """Lists and tables that have begun, from outside in, each with its place in the one around it."""
        self.key: str | None = None
        """Of the innermost table, the key whose value comes next."""
        self.loader = yaml.SafeLoader("")

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.refuse(event, "a second document after ---", "one document")
        elif isinstance(event, yaml.AliasEvent):
            self.refuse(event, f"the alias *{event.anchor}", "values written out, without * and &")
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self.open.pop()
            self.key = None
        elif isinstance(event, yaml.NodeEvent):
            self.node(event)

    def node(self, event: yaml.NodeEvent) -> None:
        """Take a key, a value, or the beginning of a list or table."""
        if event.tag is not None:
            self.refuse(event, f"the tag {_short(event.tag.replace('tag:yaml.org,2002:', '!!'))}", PLAIN)
        inner = self.open[-1][0] if self.open else None
        if isinstance(inner, dict) and self.key is None:
            self.key = self.key_of(event, inner)
            return
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
        else:
            value = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        place = self.key if isinstance(inner, dict) else len(inner) if isinstance(inner, list) else None
        if isinstance(inner, dict):
            inner[place] = value
        elif isinstance(inner, list):
            inner.append(value)
        else:
            self.result = value
        self.key = None
        if not isinstance(event, yaml.ScalarEvent):
            self.open.append((value, place))
            if len(self.open) > DEEPEST:
                self.refuse(event, f"lists and tables nested more than {DEEPEST} deep", "those of a study", ())

    def key_of(self, event: yaml.NodeEvent, table: dict) -> str:
        """Return the key that an event is, if it is one and the table has it not yet."""
        if not isinstance(event, yaml.ScalarEvent):
            self.refuse(event, "a list or table as a key", "keys that are text")
        key, quoted = event.value, not event.implicit[0]
        tag = self.loader.resolve(yaml.ScalarNode, key, event.implicit)
        if key in table:
            self.refuse(event, f"the key {_short(key)} a second time", "each key once")
        if tag == "tag:yaml.org,2002:merge":
            self.refuse(event, "the merge key <<", "keys written out")
        if not quoted and tag != "tag:yaml.org,2002:str":
            self.refuse(event, f"the key {_short(key)}", "keys that are text, or in quotation marks")
        if key == "__use_yte__" and len(self.open) == 1:
            self.refuse(event, "the key __use_yte__, by which files run Python", "keys of a study")
        return key

    def scalar(self, event: yaml.ScalarEvent) -> Any:
        """Return the text, number, truth value, date or nothing that an event is."""
        tag = self.loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        octal = tag == INTEGER and re.match(r"[+-]?0\d", event.value)
        if octal or (tag in (INTEGER, FLOAT) and ":" in event.value):  # YAML 1.1, which counts these to the base of 60
            read = yaml.SafeLoader.yaml_constructors[tag](self.loader, yaml.ScalarNode(tag, event.value))
            meant = "without zeros before it" if ":" not in event.value else "in quotation marks, or without colons"
            self.refuse(event, f"{_short(event.value)}, which YAML reads as {read}", f"the number {meant}")
        construct = yaml.SafeLoader.yaml_constructors[tag if tag in yaml.SafeLoader.yaml_constructors else None]
        try:
            return construct(self.loader, yaml.ScalarNode(tag, event.value))
        except (ValueError, OverflowError, yaml.YAMLError):  # a month 13, five thousand digits
            self.refuse(event, f"{_short(event.value)}, which is no number or date", PLAIN)

    def refuse(self, event: yaml.Event, found: str, allowed: str, path: tuple | None = None) -> None:
        """Raise the sentence about an event, with its line and the innermost table or list around it."""
        around = tuple(place for _, place in self.open[1:]) if path is None else path
        if path is None and self.open:
            inner = self.open[-1][0]
            around += (len(inner),) if isinstance(inner, list) else (self.key,) if self.key is not None else ()
        key = f", {dotted(around)}" if around else ""
        raise ConfigError(refusal(f"{self.where}, line {event.start_mark.line + 1}{key}", Words(found), allowed))


def _short(text: str) -> str:
    """Return text on one line, abbreviated where it is long."""
    return text if re.fullmatch(r"[\w.+-]{1,40}", text) else repr(text[:40])
