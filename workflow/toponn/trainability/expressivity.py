"""How far every form of the ring at its closed-form weights is from the reference formula, in double precision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from toponn.data.datasets import label_ceiling
from toponn.data.generation import generate
from toponn.invariants import chern, winding
from toponn.matter.lattices import normalised_coordinates
from toponn.matter.samples import Samples
from toponn.matter.shapes import bulk_window
from toponn.matter.states import polar_factor, projector
from toponn.models.base import Inputs, Model, Parameters
from toponn.models.closed_forms import switches
from toponn.models.ring import CoordinateRing, FreeRing
from toponn.models.wavefunction import Wavefunction
from toponn.tools.statistics import balanced_accuracy, crossed_bootstrap

HYBRIDS = {
    "coordinate_ring": (CoordinateRing, {"width": 8}),
    "free_ring": (FreeRing, {}),
    "wavefunction_ring": (Wavefunction, {}),
}
"""The classes that hold the invariant, by their names in `toponn.models.MODELS`, and their options."""
STEP = 1e-4
"""Step of the central differences."""
BATCH = 20
"""Samples for which a reference formula is computed at a time."""


def reference_values(form: str, closed_form: str, dataset: Samples) -> np.ndarray:
    """Return the values (B,) float64 of the formula that a closed form stands for, computed by NumPy alone.

    The closed form `midgap_dropped` needs states without the mid-gap pair.
    """
    of_batch = chain_reference if dataset.dimension == 1 else plane_reference
    return np.concatenate([of_batch(form, closed_form, part) for part in dataset.parts(BATCH)])


def chain_reference(form: str, closed_form: str, chains: Samples) -> np.ndarray:
    """Return the reference of a closed form on chains, (B,) float64."""
    positions, occupied = chains.places, chains.occupied.astype(float)
    x, window = positions[:, 0], bulk_window(positions)
    if closed_form == "midgap_dropped":
        return winding.midgap_winding(occupied, x, chains.sublattice)
    q = polar_factor(occupied, chains.sublattice)
    if closed_form == "switches":
        return winding.switch_winding(q, *switches(normalised_coordinates(positions)))
    if form == "wavefunction":  # the paper's trace takes the density of one sublattice
        return winding.winding_density(q, x)[:, window].mean(axis=1)
    return winding.real_space_winding(q, x, window)


def plane_reference(form: str, closed_form: str, planes: Samples) -> np.ndarray:
    """Return the reference of a closed form in the plane, (B,) float64."""
    P, orbitals, positions = projector(planes.occupied.astype(complex)), planes.site_of_orbital, planes.places
    u = normalised_coordinates(positions)
    if closed_form == "switches":
        w, x, y = switches(u)
        return chern.switch_chern(P, x, y, w, orbitals)
    if closed_form == "three_sectors":
        return chern.three_sector_chern(P, u, orbitals)
    return chern.real_space_chern(P, positions, orbitals, planes.area_per_place, bulk_window(positions))


@dataclass(frozen=True)
class Exact:
    """A model at its closed-form weights and the inputs of all samples, in double precision."""

    model: Model
    parameters: Parameters
    inputs: Inputs


def exact_model(name: str, closed_form: str, dataset: Samples) -> Exact:
    """Return a hybrid at its closed form; tensor rings read dense projectors, which take the formula literally."""
    hybrid, options = HYBRIDS[name]
    inputs = {"coordinates": torch.from_numpy(normalised_coordinates(dataset.places))}
    if not hybrid.multilinear:
        rows = [dataset.occupied[..., sites].astype(float) for sites in dataset.chain_sublattices]
        inputs["occupied"] = torch.from_numpy(np.concatenate(rows, axis=-1))
    elif dataset.dimension == 1:
        inputs["projector"] = torch.from_numpy(polar_factor(dataset.occupied.astype(float), dataset.sublattice))
    else:
        inputs["projector"] = torch.from_numpy(projector(dataset.occupied.astype(complex)))
    shapes = {name: t.shape[name != "coordinates" :] for name, t in inputs.items()}
    model = hybrid(shapes, start="closed_form", closed_form=closed_form, **options)
    like = {name: tensor.double() for name, tensor in model.initial([np.random.default_rng(0)]).items()}
    return Exact(model, model.closed_form(like, dataset.places, dataset.area_per_place), inputs)


def gradient_error(exact: Exact, rng: np.random.Generator) -> float:
    """Return the largest relative difference of autograd and central differences over 8 random unit directions."""
    few = {name: t if name == "coordinates" else t[:8] for name, t in exact.inputs.items()}

    def loss(parameters: Parameters) -> torch.Tensor:
        return exact.model.value(parameters, few).square().sum()

    leaves = {name: tensor.clone().requires_grad_() for name, tensor in exact.parameters.items()}
    loss(leaves).backward()
    errors = []
    for _ in range(8):
        draw = {name: torch.from_numpy(rng.normal(size=tuple(t.shape))) for name, t in leaves.items()}
        norm = sum(t.square().sum() for t in draw.values()).sqrt()  # the forms have up to a hundred thousand weights
        direction = {name: t / norm for name, t in draw.items()}
        slope = sum(float((leaf.grad * direction[name]).sum()) for name, leaf in leaves.items())
        ends = [
            float(loss({name: t + sign * STEP * direction[name] for name, t in exact.parameters.items()}))
            for sign in (1, -1)
        ]
        difference = (ends[0] - ends[1]) / (2 * STEP)
        errors.append(abs(difference - slope) / max(abs(slope), abs(difference)))
    return max(errors)


def without_midgap_pair(dataset: Samples, recipe: Mapping[str, Any]) -> Samples:
    """Return the validation split of a dataset of chains drawn again without the mid-gap pair: the same samples."""
    settings = {**recipe, "samples": {"validation": len(dataset)}, "midgap_pair": "dropped"}
    return generate(name=dataset.name, seed=int(dataset.attributes["seed"]), **settings)


def expressivity_rows(dataset: Samples, recipe: Mapping[str, Any], *, rng: np.random.Generator) -> pd.DataFrame:
    """Return, for each hybrid and closed form, how far it is from its reference and how well it classifies.

    Diagnostics: ``closed_form_error`` (largest |f − reference| over the samples), ``closed_form_gradient_error``,
    ``closed_form_balanced_accuracy`` with a bootstrap interval over samples, and ``label_ceiling``. The column
    ``variant`` names the class, since closed forms are those of no entry of the config.

    Parameters
    ----------
    dataset : the validation split of a dataset
    recipe : its entry in the config, from which the same samples are drawn without their mid-gap pair
    rng : for the bootstrap and the directions in which gradients are compared
    """
    rows, size, ceiling = [], dataset.n_places, label_ceiling(dataset)
    dropped = without_midgap_pair(dataset, recipe) if dataset.dimension == 1 else dataset
    names = [
        (n, formula) for n, (hybrid, _) in HYBRIDS.items() for formula in hybrid.closed_forms.get(dataset.task, ())
    ]
    for name, closed_form in names:
        seen = dropped if closed_form == "midgap_dropped" else dataset
        exact = exact_model(name, closed_form, seen)
        value = exact.model.value(exact.parameters, exact.inputs)[0].numpy()
        right = np.rint(value) == seen.label
        interval = crossed_bootstrap(seen.label, right[None], rng=rng)
        error = np.abs(value - reference_values(exact.model.form, closed_form, seen)).max()
        measured = {
            "closed_form_error": (error, np.nan, np.nan),
            "closed_form_gradient_error": (gradient_error(exact, rng), np.nan, np.nan),
            "closed_form_balanced_accuracy": (balanced_accuracy(seen.label, np.rint(value)), *interval),
            "label_ceiling": (ceiling, np.nan, np.nan),
        }
        about = {"task": dataset.task, "variant": name, "model": exact.model.family, "form": exact.model.form}
        about |= {"size": size, "closed_form": closed_form, "n_seeds": 1, "status": "ok"}
        for diagnostic, (value, low, high) in measured.items():
            rows.append(about | {"diagnostic": diagnostic, "value": value, "low": low, "high": high})
    return pd.DataFrame(rows)
