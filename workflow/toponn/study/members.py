"""Entries of models and diagnostics, whose keys the class or function declares; they are read without importing it."""

from dataclasses import MISSING, fields
from functools import cache
from inspect import getdoc
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import Field, create_model

from toponn.models import MODELS
from toponn.study.declared import REQUIRED, Declared, Option, declared_class, declared_function, parameters_of
from toponn.study.kinds import Chosen, Settings, checked
from toponn.tools.checks import ConfigError, is_row, refusal, row_of
from toponn.tools.options import Seeds
from toponn.tools.tables import TABLES
from toponn.trainability import DIAGNOSTICS, record
from toponn.training.protocol import Success, Training, Variant


def _field(option: Option) -> tuple[Any, Any]:
    """Return type and field of a declared option."""
    default = list(option.default) if isinstance(option.default, tuple) else option.default
    given = ... if default is REQUIRED else default
    return checked(option.type), Field(given, description=option.description or None)


def _table(kind: type) -> type[Settings]:
    """Return the table of a dataclass."""
    summary, said = getdoc(kind).partition("\n")[0], parameters_of(getdoc(kind))
    options = {
        f.name: Option(f.type, REQUIRED if f.default is MISSING else f.default, said[f.name]) for f in fields(kind)
    }
    keys = {key: _field(option) for key, option in options.items()}
    return create_model(kind.__name__, __base__=Settings, __doc__=summary, **keys)


TrainingTable, SuccessTable = _table(Training), _table(Success)


LABEL = "up to 40 characters on one line, without $ and backslash, which figures would take for mathematics"


class ModelEntry(Settings):
    """A model of the study: a class of the family with its options, how many seeds of it, and how it is trained."""

    model: str = Field(description="A row of MODELS, or toponn.models.<file>:<Class>.")
    label: Annotated[str, Field(title=LABEL, min_length=1, max_length=40, pattern=r"^[^$\\\n]+$")] | None = Field(
        None, description="What figures call it, if not by its key."
    )
    seeds: Seeds = Field(description="Independent runs, which differ in their random numbers alone.")
    _name: str = ""

    @property
    def declared(self) -> Declared:
        """What its class declares."""
        return declared_class(row_of(MODELS, self.model, "model"))

    @property
    def variant(self) -> Variant:
        """The model with all its options, those that are not given by their defaults."""
        options = {name: getattr(self, name) for name in self.declared.options}
        training = getattr(self, "training", None)
        return Variant(self._name, self.model, options, training and Training(**dict(training)))


class DiagnosisEntry(Settings):
    """A diagnostic of the study with its options."""

    diagnostic: str = Field(description="A row of DIAGNOSTICS, or toponn.trainability.<file>:<function>.")
    seeds: Seeds = Field(description="At most so many seeds of each model.")

    @property
    def row(self) -> str:
        """Where its function stands."""
        return row_of(DIAGNOSTICS, self.diagnostic, "diagnostic")

    @property
    def record(self) -> record.Record:
        """What stands above its function."""
        return declared_function(self.row, record).record

    @property
    def options(self) -> dict[str, Any]:
        """Its options but the seeds."""
        names = declared_function(self.row, record).options
        return {name: getattr(self, name) for name in names if name != "seeds"}


def _entry_table(name: str, base: type[Settings], declared: Declared, own: set[str], keys: dict[str, Any]) -> Any:
    """Return the table of an entry: keys that every such entry has, and what its class or function declares."""
    if taken := {*own, *dir(base)} & set(declared.options):
        raise ConfigError(f"{declared.row}: found the option {min(taken)}; allowed: other names than the entry's own")
    options = {key: _field(option) for key, option in declared.options.items()}
    return create_model(name.rpartition(":")[2], __base__=base, __doc__=declared.summary, **options, **keys)


def _check_record(declared: Declared) -> None:
    """Refuse a record that names what there is not, or conditions that are columns already."""
    said, columns = declared.record, {*TABLES["diagnostics"].columns, *TABLES["trainability"].columns}
    known = {"runs", *record.ABILITIES, *record.ROLES, *(f"{role}?" for role in record.ROLES)}
    across = {"size", *said.conditions}
    panels = said.curves.panels if said.curves else ()
    named = [
        ("needs", said.needs, known),
        ("trainings", [said.trainings] if isinstance(said.trainings, str) else [], set(declared.options)),
        ("curves", [panel.across for panel in panels], across),
        ("curves", [key for panel in panels for key, _ in panel.where], across),
        ("statements", [key for part in said.statements for key, _ in part.where], across),
        ("conditions", said.conditions, set(said.conditions) - columns),
    ]
    for key, found, allowed in named:
        for name in found:
            if name not in allowed:
                listed = ", ".join(sorted(allowed)) or "no name"
                wanted = "names that are no columns of the tables" if key == "conditions" else listed
                raise ConfigError(refusal(f"{declared.row}: {key}", name, wanted))


@cache
def model_table(name: str) -> type[ModelEntry]:
    """Return the table of an entry of ``models`` that names this class."""
    declared = declared_class(row_of(MODELS, name, "model"))
    if lacking := [*declared.abstract, *(key for key in ("family", "role", "tasks") if key not in declared.facts)]:
        allowed = f"a model, which derives from toponn.models.network.Network or base.Model, with {', '.join(lacking)}"
        raise ConfigError(f"{declared.row}: found a class without {lacking[0]}; allowed: {allowed}")
    keys = {}
    if declared.facts.get("solved"):
        only = "1: the problem has one solution, so that every run would be the same."
        keys["seeds"] = (Annotated[int, Ge(1), Le(1)], Field(1, description=only))
    else:
        keys["training"] = (TrainingTable, Field(description="How weights are fitted by gradient steps."))
    return _entry_table(name, ModelEntry, declared, {"model", "label", "seeds", "training"}, keys)


@cache
def diagnostic_table(name: str) -> type[DiagnosisEntry]:
    """Return the table of an entry of ``trainability`` that names this function."""
    declared = declared_function(row_of(DIAGNOSTICS, name, "diagnostic"), record)
    if "seeds" not in declared.options:
        raise ConfigError(f"{declared.row}: found no option seeds; allowed: a function that takes how many")
    table = _entry_table(name, DiagnosisEntry, declared, {"diagnostic"}, {})
    _check_record(declared)
    return table


AnyModel = Annotated[ModelEntry, Chosen("model", tuple(MODELS), model_table, lambda name: is_row(MODELS, name))]
AnyDiagnosis = Annotated[
    DiagnosisEntry,
    Chosen("diagnostic", tuple(DIAGNOSTICS), diagnostic_table, lambda name: is_row(DIAGNOSTICS, name)),
]
