"""Trained weights on disk: loaded by one call, anywhere, and applied to any Hamiltonian that their model can see."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from toponn.matter.samples import Samples
from toponn.models.base import Model, Parameters, as_tensors
from toponn.models.head import TEMPERATURE
from toponn.tools.checks import DataError, NotApplicable
from toponn.tools.digests import digest
from toponn.tools.files import read_arrays, read_json
from toponn.training.devices import device_of
from toponn.training.loop import Batch, evaluate
from toponn.training.protocol import Variant
from toponn.training.views import build_model, encode


def geometry_of(inputs: Mapping[str, torch.Tensor]) -> str:
    """Return a digest of the sites of encoded samples, for models whose weights belong to them one by one."""
    if "coordinates" not in inputs:
        return ""
    return digest((inputs["coordinates"].double().numpy().round(4) + 0.0).tolist())  # + 0.0 makes 0.0 of −0.0


@dataclass(frozen=True)
class Run:
    """All trained seeds of a run folder: call it with Hamiltonians and positions.

    Attributes
    ----------
    model : the model, built with the options and input shapes of training
    parameters : trained weights of S seeds, NaN where a seed failed
    document : the run's ``settings.json``
    """

    model: Model
    parameters: Parameters
    document: Mapping[str, Any]

    @property
    def variant(self) -> Variant:
        """The model's class, options and training, under its name in the study."""
        return Variant.of(self.document["variant"], self.document["settings"])

    def __call__(self, hamiltonians: np.ndarray, positions: np.ndarray, **known: Any) -> np.ndarray:
        """Return f (S, B) of Hamiltonians (B, n, n) or (n, n) on sites at `positions`; round it to predict.

        Of chains the pair of mid-gap states is kept or left out, as it was in training.

        Further arguments are those of `Samples.of`: chains need `sublattice`, the networks `cell` and
        `sublattice`, and other fillings than a half `fermi_level`.

        Raises
        ------
        NotApplicable
            If the model cannot run on them, with the reason.
        DataError
            If they are no Hamiltonians.
        """
        known = {"midgap_pair": self.document["midgap_pair"], **known}
        return self.values(Samples.of(hamiltonians, positions, **known))

    def values(self, samples: Samples, device: str = "auto") -> np.ndarray:
        """Return f (S, B) of samples, labelled or not."""
        inputs = as_tensors(encode(self.variant, samples, seeds=len(self.document["seeds"])))
        self.check_applicable(inputs)
        where = device_of(device)
        batch = Batch(inputs, torch.zeros(len(samples), dtype=torch.int64)).to(where)
        return evaluate(self.model, self.to(where).parameters, batch).cpu().numpy()

    def to(self, device: torch.device) -> "Run":
        """Return the run with its parameters on a device."""
        return replace(self, parameters={name: tensor.to(device) for name, tensor in self.parameters.items()})

    def first(self, seeds: int) -> "Run":
        """Return the run with only its first `seeds` seeds."""
        kept = {key: self.document[key][:seeds] for key in ("seeds", "flops")}
        parameters = {name: tensor[:seeds] for name, tensor in self.parameters.items()}
        return replace(self, parameters=parameters, document={**self.document, **kept})

    def check_sites(self, sites: int) -> None:
        """Raise NotApplicable, before anything is encoded, if the weights belong to another number of sites."""
        if not self.model.fixed_geometry or "coordinates" not in self.model.shapes:
            return
        trained = self.model.shapes["coordinates"][0]
        if sites != trained:
            raise NotApplicable(f"its weights belong to {trained} sites one by one, the sample has {sites}")

    def check_applicable(self, inputs: Mapping[str, torch.Tensor], midgap_pair: str | None = None) -> None:
        """Raise NotApplicable, with the reason, if the model cannot run on these inputs.

        `midgap_pair` says whether their states have it, "kept" or "dropped", where that is known.
        """
        trained = self.document["midgap_pair"]
        if midgap_pair not in (None, trained):
            raise NotApplicable(f"trained on states whose mid-gap pair is {trained}, the sample's is {midgap_pair}")
        self.model.check_applicable(inputs)
        if self.model.fixed_geometry and geometry_of(inputs) != self.document["geometry"]:
            raise NotApplicable("its weights belong to the sites of training one by one, the sample has others")


def load_runs(folders: Iterable[str | Path], *, seeds: int | None = None) -> list[Run]:
    """Return the runs of the blocks of one variant, with only the first `seeds` seeds of all blocks together.

    Blocks may hold more seeds than a study asks for. Without `seeds` all are returned; folders that hold none of the
    first ones are not read.

    Raises
    ------
    DataError
        As `load_run` does.
    """
    runs: list[Run] = []
    left = np.inf if seeds is None else seeds
    for folder in folders:
        if left > 0:
            run = load_run(folder)
            runs.append(run.first(int(min(left, len(run.document["seeds"])))))
            left -= len(runs[-1].document["seeds"])
    return runs


DOCUMENT = {
    "task": str,
    "variant": str,
    "model": str,
    "form": str,
    "settings": dict,
    "seeds": list,
    "shapes": dict,
    "geometry": str,
    "midgap_pair": str,
    "flops": list,
}
"""Keys that ``settings.json`` must have for the weights to be applied, and the types of their values."""


def load_run(folder: str | Path) -> Run:
    """Return the run that a folder holds.

    Raises
    ------
    DataError
        If a file is missing or damaged, the weights belong to other settings, or they are not those of the model.
    """
    folder = Path(folder)
    document = read_json(folder / "settings.json")
    _check_document(document, folder / "settings.json")
    document.pop("provenance", None)
    arrays, attributes = read_arrays(folder / "weights.h5")
    if attributes.get("settings_digest") != digest(document):
        raise DataError(f"{folder}: weights.h5 belongs to other settings than settings.json; delete both and run again")
    try:
        variant = Variant.of(document["variant"], document["settings"])
        model = build_model(variant, document["shapes"])
        expected = model.initial([np.random.default_rng(0)])
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RuntimeError, NotApplicable) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DataError(f"{folder / 'settings.json'}: settings or shapes make no model ({reason})") from None
    _check_weights(arrays, expected, len(document["seeds"]), folder / "weights.h5")
    return Run(model, as_tensors(arrays), document)


def _check_document(document: Any, path: Path) -> None:
    """Refuse a ``settings.json`` that lacks what weights need."""
    if not isinstance(document, dict):
        raise DataError(f"{path}: found a {type(document).__name__}; allowed: an object with {', '.join(DOCUMENT)}")
    for key, kind in DOCUMENT.items():
        if not isinstance(document.get(key), kind):
            found = repr(document[key])[:60] if key in document else "nothing"
            allowed = {str: "a text", dict: "an object", list: "a list"}[kind]
            raise DataError(f"{path}: {key}: found {found}; allowed: {allowed}")
    if not document["seeds"] or len(document["flops"]) != len(document["seeds"]):
        found = f"{len(document['seeds'])} seeds and {len(document['flops'])} flops"
        raise DataError(f"{path}: found {found}; allowed: one number of each for every seed, of at least one")


def _check_weights(arrays: Mapping[str, np.ndarray], expected: Parameters, seeds: int, path: Path) -> None:
    """Refuse weights whose names, types or shapes are not those of the model; the head's temperature may be there."""
    names = set(arrays) - {TEMPERATURE}
    if names != set(expected):
        listed = ", ".join(sorted(names))[:100] or "nothing"
        raise DataError(f"{path}: found the weights {listed}; allowed: {', '.join(sorted(expected))[:200]}")
    shapes = {name: (seeds, *t.shape[1:]) for name, t in expected.items()} | {TEMPERATURE: (seeds,)}
    for name, array in arrays.items():
        wanted = "complex" if name in expected and expected[name].is_complex() else "float"
        if array.dtype not in (
            np.dtype(f"{wanted}{bits}") for bits in ((64, 128) if wanted == "complex" else (32, 64))
        ):
            raise DataError(f"{path}: {name}: found type {array.dtype.name[:60]}; allowed: {wanted} numbers")
        if array.shape != shapes[name]:
            raise DataError(f"{path}: {name}: found shape {array.shape}; allowed: {shapes[name]}")
