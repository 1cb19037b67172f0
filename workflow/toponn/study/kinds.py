"""Kinds of values in a study: names, numbers that may be intervals, and tables whose keys a name among them decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Len
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, WrapValidator, create_model
from pydantic_core import PydanticCustomError, core_schema

from toponn.tools.options import Unique


class Settings(BaseModel):
    """A table of the study: no unknown keys, no text that stands for a number, nothing that changes later."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Return the table as keywords, without keys that are None."""
        return super().model_dump(**{"exclude_none": True, **options})


def _each_once(values: list) -> list:
    """Return a list in which no value comes twice."""
    for i, value in enumerate(values):
        if value in values[:i]:
            raise PydanticCustomError("twice", "a value twice", {"value": value})
    return values


def _as_given(value: Any, check: Callable) -> Any:
    """Return a number as it was written, so that a whole one stays one."""
    check(value)
    return value


def _not_empty(table: BaseModel) -> BaseModel:
    """Return a table in which something is said."""
    if not table.model_fields_set:
        raise PydanticCustomError("empty", "an empty table")
    return table


def _with_radius(hole: list[float]) -> list[float]:
    """Return [x, y, radius] if the radius is one."""
    if hole[2] <= 0:
        raise PydanticCustomError("radius", "a radius above 0")
    return hole


def one_or_list(one: Any, many: Any) -> Any:
    """Return the type of a value or a list, whose errors are those of what was given."""
    kind = Discriminator(lambda value: "list" if isinstance(value, list) else "one")
    return Annotated[Annotated[one, Tag("one")] | Annotated[many, Tag("list")], kind]


def checked(kind: Any) -> Any:
    """Return a type of `toponn.tools.options` as pydantic checks it: lists without repetition, unions told apart."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        marks = (EACH_ONCE if isinstance(mark, Unique) else mark for mark in arguments[1:])
        return Annotated[(checked(arguments[0]), *marks)]
    if origin in (Union, UnionType):
        one, *more = [checked(option) for option in arguments if option is not NoneType]
        found = one_or_list(one, more[0]) if more else one
        return found | None if NoneType in arguments else found
    return list[checked(arguments[0])] if origin in (list, Sequence) else kind


@dataclass(frozen=True)
class Chosen:
    """Marks a table whose keys depend on the name that it gives under one of them.

    Attributes
    ----------
    key : under which the name stands
    names : those that are known
    table : Settings of a name; raises ConfigError where a row of a user's own file holds none
    is_row : whether a name that is not known is such a row, where there are some
    """

    key: str
    names: tuple[str, ...]
    table: Callable[[str], type[Settings]]
    is_row: Callable[[str], bool] | None = None

    def of(self, value: Any) -> type[Settings]:
        """Return the table that a value says it is; without a known name, one that asks for the name alone."""
        name = value.get(self.key) if isinstance(value, Mapping) else None
        if isinstance(name, str) and (name in self.names or self.is_row and self.is_row(name)):
            return self.table(name)
        return create_model("Nameless", __base__=Settings, **{self.key: (Literal[self.names], ...)})

    def _validated(self, value: Any) -> Settings:
        table = self.of(value)
        if table.__name__ == "Nameless" and isinstance(value, Mapping):
            value = {key: entry for key, entry in value.items() if key == self.key}
        return table.model_validate(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Check by the table of the name."""
        return core_schema.no_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Describe the tables of all known names, and that others may be rows."""
        found = []
        for name in self.names:
            rule = handler(self.table(name).__pydantic_core_schema__)
            rule["properties"][self.key] |= {"type": "string", "const": name}
            found.append(rule)
        row = {"type": "object", "properties": {self.key: {"type": "string", "pattern": ":"}}, "required": [self.key]}
        return {"anyOf": [*found, row] if self.is_row else found}


Hole = Annotated[
    list[float], Len(3, 3), AfterValidator(_with_radius), Field(title="[x, y, radius] with a positive radius")
]
NOT_EMPTY = AfterValidator(_not_empty)
EACH_ONCE = AfterValidator(_each_once)
LARGEST = 2**63 - 1

Name = Annotated[
    str,
    Field(
        pattern="^[a-z][a-z0-9_]*$",
        max_length=64,
        title="lower-case letters, digits and _, starting with a letter, at most 64",
    ),
]
Names = Annotated[list[Name], EACH_ONCE]
Root = Annotated[int, Ge(0), Le(LARGEST)]
Given = WrapValidator(_as_given)
Real = Annotated[float, Given]
NotNegative = Annotated[float, Ge(0), Given]
Size = Annotated[float, Gt(0), Given]
Length = Annotated[float, Ge(4), Given]
Lengths = Annotated[list[Length], Len(1), EACH_ONCE]
Interval = Annotated[
    one_or_list(Real, Annotated[list[Real], Len(2, 2)]),
    Field(title="a number, or [low, high]", description="A number is fixed; [low, high] is drawn uniformly."),
]
Strength = Annotated[
    one_or_list(NotNegative, Annotated[list[NotNegative], Len(2, 2)]), Field(title="a number from 0, or [low, high]")
]
