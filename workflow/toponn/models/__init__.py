"""Learnable maps from a state to a distribution over integers."""

from collections.abc import Mapping
from typing import Any

MODELS = {
    "ring": "toponn.models.ring:Ring",
    "wavefunction": "toponn.models.wavefunction:Wavefunction",
    "cnn": "toponn.models.cnn:CNN",
    "resnet": "toponn.models.resnet:ResNet",
    "mlp": "toponn.models.mlp:MLP",
    "loop_ridge": "toponn.models.loop_ridge:LoopRidge",
}

TENSORS = ("selection", "contraction", "position", "window")
"""What of the wavefunction form can be trained."""


def member_of(settings: Mapping[str, Any]) -> str:
    """Return the row of `MODELS` that a config entry names; the ring's wavefunction form is a class of its own."""
    return "wavefunction" if settings.get("form") == "wavefunction" else settings["model"]


def form_of(settings: Mapping[str, Any]) -> str:
    """Return the form of a config entry as the tables name it: a reduced wavefunction form by what is trained.

    Examples
    --------
    >>> form_of({"model": "ring", "form": "wavefunction", "trainable": ["window", "position"]})
    'wavefunction_position_window'
    """
    form, trained = settings.get("form", ""), settings.get("trainable", TENSORS)
    reduced = [name for name in TENSORS if name in trained]
    return form if form != "wavefunction" or len(reduced) == len(TENSORS) else "_".join([form, *reduced])
