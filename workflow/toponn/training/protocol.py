"""Settings of training, the keys of ``training`` and ``success`` in the config, and the entries under ``models``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Literal

from toponn.tools.options import Count, Number, OneOrMore, Positive, Share

SEARCHED = ("learning_rate", "weight_decay")
"""What may be a list of values, of which the validation split chooses one."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How weights are fitted by gradient steps.

    Parameters
    ----------
    epochs : passes over the training split
    batch_size : samples of one gradient step
    learning_rate : learning rate of the optimiser at the first step; from a list the validation split chooses one
    weight_decay : decoupled weight decay of the optimiser; from a list the validation split chooses one
    patience : epochs without a lower validation loss after which a seed ends and goes back to its best; without it all
        epochs are run and the last weights kept
    """

    learning_rate: OneOrMore[Positive]
    weight_decay: OneOrMore[Number] = 0.0
    epochs: Count = 60
    batch_size: Count = 100
    patience: Count | None = 20

    @property
    def is_searched(self) -> bool:
        """Whether a learning rate or weight decay is yet to be chosen."""
        return any(isinstance(getattr(self, key), list | tuple) for key in SEARCHED)

    @property
    def trials(self) -> list[dict[str, float]]:
        """Every combination of the values that are given as lists.

        Examples
        --------
        >>> Training(learning_rate=[0.01, 0.03]).trials
        [{'learning_rate': 0.01, 'weight_decay': 0.0}, {'learning_rate': 0.03, 'weight_decay': 0.0}]
        """
        values = [getattr(self, key) for key in SEARCHED]
        lists = [list(value) if isinstance(value, list | tuple) else [value] for value in values]
        return [dict(zip(SEARCHED, pair, strict=True)) for pair in product(*lists)]


@dataclass(frozen=True, kw_only=True)
class Success:
    """When a run counts as a success.

    Parameters
    ----------
    split : split of the run's own dataset on which it is judged
    balanced_accuracy : smallest balanced accuracy there of a run that succeeds
    """

    split: Literal["validation", "test"] = "test"
    balanced_accuracy: Share = 0.99


@dataclass(frozen=True)
class Variant:
    """An entry under ``models``: a model class with its options, and how it is trained.

    Attributes
    ----------
    name : the entry's key, which names the variant in every table and figure
    model : a name in `toponn.models.MODELS`, or ``module:Class``
    options : checked keywords of the class's constructor
    training : None for a model that is solved, not trained
    """

    name: str
    model: str
    options: Mapping[str, Any]
    training: Training | None = None

    @classmethod
    def of(cls, name: str, entry: Mapping[str, Any]) -> "Variant":
        """Return the variant of a checked entry, all keys of which but ``model`` and ``training`` are options."""
        options = {key: value for key, value in entry.items() if key not in ("model", "training")}
        training = entry.get("training")
        return cls(name, entry["model"], options, None if training is None else Training(**training))

    def entry(self) -> dict[str, Any]:
        """Return the entry from which `of` makes this variant again, in values that JSON can hold."""
        training = {} if self.training is None else {"training": asdict(self.training)}
        return {"model": self.model, **self.options, **training}

    @property
    def start(self) -> str:
        """Where training starts: "random", or "closed_form" where the class has the choice and the entry makes it."""
        return self.options.get("start", "random")

    @property
    def uses(self) -> int:
        """How often training evaluates each sample: its epochs, or 1 for a model that is solved."""
        return self.training.epochs if self.training else 1

    def changed(self, **options: Any) -> "Variant":
        """Return the variant with some options changed."""
        return replace(self, options={**self.options, **options})

    def trained_by(self, **changes: Any) -> "Variant":
        """Return the variant with some settings of its training changed."""
        return replace(self, training=replace(self.training, **changes))
