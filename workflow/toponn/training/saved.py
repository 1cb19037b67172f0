"""Trained weights on disk: loaded by one call, anywhere, and applied to any Hamiltonian that their model can see."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from toponn.checks import DataError, NotApplicable
from toponn.digests import digest
from toponn.files import read_arrays, read_json
from toponn.models.base import Model, Parameters, as_tensors
from toponn.states import States
from toponn.training.devices import device_of
from toponn.training.loop import Samples, evaluate
from toponn.training.views import build_model, encode


def geometry_of(inputs: Mapping[str, torch.Tensor]) -> str:
    """Return what identifies the sites of encoded samples, for models whose weights belong to them one by one."""
    if "coordinates" not in inputs:
        return ""
    return digest((inputs["coordinates"].double().numpy().round(4) + 0.0).tolist())  # −0.0 is 0.0


@dataclass(frozen=True)
class Run:
    """All trained seeds of a run folder: call it with Hamiltonians and positions.

    Attributes
    ----------
    model : Model
    parameters : of S seeds, NaN where one failed
    document : the run's ``settings.json``
    """

    model: Model
    parameters: Parameters
    document: Mapping[str, Any]

    def __call__(self, hamiltonians: np.ndarray, positions: np.ndarray, **states: Any) -> np.ndarray:
        """Return f (S, B) of Hamiltonians (B, n, n) or (n, n) on sites at `positions`; round it to predict.

        Chains are seen with or without their mid-gap pair, as those of training were.

        Further arguments are those of `States.of_hamiltonian`: chains need `sublattice`, the networks `cell` and
        `sublattice`, and other fillings than a half `fermi_level`.

        Raises
        ------
        NotApplicable
            If the model cannot run on them, with the reason.
        DataError
            If they are no Hamiltonians.
        """
        states = {"midgap_pair": self.document["midgap_pair"], **states}
        return self.values(States.of_hamiltonian(hamiltonians, positions, **states))

    def values(self, states: States, device: str = "auto") -> np.ndarray:
        """Return f (S, B) on states (B samples)."""
        inputs = as_tensors(encode(self.document["settings"], states, seeds=len(self.document["seeds"])))
        self.check_applicable(inputs)
        where = device_of(device)
        samples = Samples(inputs, torch.zeros(len(states), dtype=torch.int64)).to(where)
        return evaluate(self.model, self.to(where).parameters, samples).cpu().numpy()

    def to(self, device: torch.device) -> "Run":
        """Return the run with its parameters on a device."""
        return replace(self, parameters={name: tensor.to(device) for name, tensor in self.parameters.items()})

    def first(self, seeds: int) -> "Run":
        """Return the run with its first seeds alone."""
        kept = {key: self.document[key][:seeds] for key in ("seeds", "flops")}
        parameters = {name: tensor[:seeds] for name, tensor in self.parameters.items()}
        return replace(self, parameters=parameters, document={**self.document, **kept})

    def check_sites(self, sites: int) -> None:
        """Raise NotApplicable, before anything is encoded, if the weights belong to another number of sites."""
        if not self.model.fixed_geometry:
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


def load_run(folder: str | Path) -> Run:
    """Return what a run folder holds.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the weights belong to other settings.
    """
    folder = Path(folder)
    document = read_json(folder / "settings.json")
    document.pop("provenance", None)
    arrays, attributes = read_arrays(folder / "weights.h5")
    if attributes.get("settings_digest") != digest(document):
        raise DataError(f"{folder}: weights.h5 belongs to other settings than settings.json; delete both and run again")
    return Run(build_model(document["settings"], document["shapes"]), as_tensors(arrays), document)
