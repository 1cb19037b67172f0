"""YAML files that a user wrote, read so that what YAML understands otherwise than it is written is refused.

Snakemake's own reader takes the last of two equal keys, 010 for 8 and 1:30 for 90.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from toponn.tools.checks import ConfigError, Words, refusal, short

INTEGER, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


class _Loader(yaml.CSafeLoader):
    """A safe loader that takes no key twice, and no number that stands for another one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for i, key in enumerate(keys):
            if key.value in [other.value for other in keys[:i]]:
                self._refuse(key, f"the key {short(Words(key.value))} a second time", "each key once")
        return super().construct_mapping(node, deep)

    def _number(self, node: yaml.ScalarNode) -> int | float:
        """Return the number that a text is; YAML 1.1 reads zeros before it as base 8, and colons as base 60."""
        found = yaml.CSafeLoader.yaml_constructors[node.tag](self, node)
        if re.match(r"[+-]?0\d", node.value) and node.tag == INTEGER or ":" in node.value:
            meant = "in quotation marks, or without colons" if ":" in node.value else "without zeros before it"
            self._refuse(node, f"{short(Words(node.value))}, which YAML reads as {found}", f"the number {meant}")
        return found

    def _refuse(self, node: yaml.Node, found: str, allowed: str) -> None:
        raise ConfigError(refusal(f"{self.name}, line {node.start_mark.line + 1}", Words(found), allowed))

    yaml_constructors = yaml.CSafeLoader.yaml_constructors | {INTEGER: _number, FLOAT: _number}


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Return the table that a YAML file holds.

    Raises
    ------
    ConfigError
        If it holds none, in one sentence that names file, line, what was found and what is allowed.
    """
    try:
        loader = _Loader(Path(path).read_bytes())
        loader.name = str(path)
        value = loader.get_single_data()
    except ConfigError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        place = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise ConfigError(refusal(place, Words(f"no YAML ({reason})"), "YAML, indented by spaces")) from None
    except (OSError, ValueError, RecursionError) as error:  # a month 13, lists within lists
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(refusal(str(path), Words(f"nothing readable ({reason})"), "a YAML file")) from None
    if not isinstance(value, dict):
        found = "nothing" if value is None else "a list" if isinstance(value, list) else "a single value"
        raise ConfigError(refusal(str(path), Words(found), "a table: lines of `key: value`"))
    return value
