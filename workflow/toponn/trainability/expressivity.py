"""The ring at its closed-form weights against the reference formula, in double precision."""

import numpy as np
import pandas as pd
import torch

from toponn.datasets import Dataset
from toponn.encodings.loops import pair_loops, triple_loops
from toponn.generalization import label_ceiling
from toponn.invariants import chern, winding
from toponn.lattices import normalised_coordinates
from toponn.models.base import Inputs, Parameters
from toponn.models.closed_forms import switches
from toponn.models.ring import Ring
from toponn.shapes import bulk_window
from toponn.states import polar_factor, projector
from toponn.statistics import balanced_accuracy, crossed_bootstrap
from toponn.trainability import COLUMNS
from toponn.training.runs import ring_area, ring_lengths

FORMS = ("coordinate", "free")
WIDTH = 8
STEP = 1e-5
BATCH = 20


def reference_values(form: str, dataset: Dataset) -> np.ndarray:
    """Return the named reference formula that the closed form stands for, by NumPy alone, (B,) float64."""
    states, positions = dataset.states, ring_lengths(dataset.states)
    window, u = bulk_window(positions), normalised_coordinates(positions)
    values = []
    for start in range(0, len(states), BATCH):
        occupied = states.occupied[start : start + BATCH]
        if states.dimension == 1:
            q = polar_factor(occupied.astype(float), states.sublattice)
            values.append(
                winding.real_space_winding(q, positions[:, 0], window)
                if form == "free"
                else winding.switch_winding(q, *switches(u))
            )
        else:
            P, orbitals = projector(occupied.astype(complex)), states.site_of_orbital
            w, x, y = switches(u)
            values.append(
                chern.real_space_chern(P, positions, orbitals, ring_area(dataset), window)
                if form == "free"
                else chern.switch_chern(P, x, y, w, orbitals)
            )
    return np.concatenate(values)


def exact_ring(form: str, dataset: Dataset) -> tuple[Ring, Parameters, Inputs]:
    """Return the ring at its closed-form weights and its inputs, all in float64."""
    states, lengths = dataset.states, ring_lengths(dataset.states)
    u = normalised_coordinates(lengths)
    features = [
        pair_loops(polar_factor(occupied[None].astype(float), states.sublattice))
        if states.dimension == 1
        else triple_loops(projector(occupied[None].astype(complex)), len(states.site_of_orbital) // len(lengths))
        for occupied in states.occupied
    ]
    inputs = {"loops": torch.from_numpy(np.concatenate(features)), "coordinates": torch.from_numpy(u)}
    shapes = {"loops": inputs["loops"].shape[1:], "coordinates": u.shape}
    options = {"width": WIDTH} if form == "coordinate" else {}
    ring = Ring(shapes, form=form, start="closed_form", rank=1, scale=1.0, **options)
    like = {name: tensor.double() for name, tensor in ring.initial([np.random.default_rng(0)]).items()}
    return ring, ring.closed_form(like, lengths, ring_area(dataset)), inputs


def gradient_error(ring: Ring, parameters: Parameters, inputs: Inputs, rng: np.random.Generator) -> float:
    """Return the largest relative difference of autograd and central differences along 8 random directions."""
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in parameters.items()}
    few = {"loops": inputs["loops"][:8], "coordinates": inputs["coordinates"]}
    ring.value(leaves, few).square().sum().backward()
    errors = []
    for _ in range(8):
        direction = {name: torch.from_numpy(rng.normal(size=tuple(t.shape))) for name, t in parameters.items()}
        slope = sum(float((leaf.grad * direction[name]).sum()) for name, leaf in leaves.items())
        ends = [
            float(ring.value({n: t + s * STEP * direction[n] for n, t in parameters.items()}, few).square().sum())
            for s in (1, -1)
        ]
        difference = (ends[0] - ends[1]) / (2 * STEP)
        errors.append(abs(difference - slope) / max(abs(slope), abs(difference)))
    return max(errors)


def expressivity_rows(dataset: Dataset, *, rng: np.random.Generator) -> pd.DataFrame:
    """Return, for each form, how far the closed form is from its reference and how well it classifies.

    Diagnostics: ``closed_form_error`` (largest |f − reference| over the samples), ``closed_form_gradient_error``,
    ``closed_form_balanced_accuracy`` with a bootstrap interval over samples, and ``label_ceiling``.
    """
    rows = []
    size = len(ring_lengths(dataset.states))
    for form in FORMS:
        ring, parameters, inputs = exact_ring(form, dataset)
        value = ring.value(parameters, inputs)[0].numpy()
        right = np.rint(value) == dataset.label
        interval = crossed_bootstrap(dataset.label, right[None], rng=rng)
        measured = {
            "closed_form_error": (np.abs(value - reference_values(form, dataset)).max(), np.nan, np.nan),
            "closed_form_gradient_error": (gradient_error(ring, parameters, inputs, rng), np.nan, np.nan),
            "closed_form_balanced_accuracy": (balanced_accuracy(dataset.label, np.rint(value)), *interval),
            "label_ceiling": (label_ceiling(dataset), np.nan, np.nan),
        }
        for diagnostic, numbers in measured.items():
            rows.append((dataset.task, "ring", form, diagnostic, size, "start=closed_form", 1, *numbers))
    return pd.DataFrame(rows, columns=COLUMNS)
