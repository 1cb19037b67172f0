"""Small files for tests: datasets, the arrays of one of the shortest chains, and a run folder with planted weights."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from toponn.data.datasets import dataset_arrays, write_dataset
from toponn.data.generation import generate
from toponn.matter.samples import Samples
from toponn.tools.conventions import SPLITS
from toponn.tools.digests import digest
from toponn.tools.files import write_arrays, write_json

B, N, FILLED = 6, 4, 2
CHAIN = {"name": "tiny", "task": "winding", "area_per_site": 1.0}
"""The attributes of the dataset of `chain_arrays`."""


def chain_arrays() -> dict[str, np.ndarray]:
    """Return a dataset of chains of two cells, as small as one can be."""
    rng = np.random.default_rng(0)
    return {
        "label": rng.integers(0, 2, B),
        "split": np.array([0, 0, 1, 1, 2, 2], np.int8),
        "occupied": rng.normal(size=(B, FILLED, N)).astype(np.float32),
        "positions": np.repeat([[0.0], [1.0]], 2, axis=0),
        "cell": np.repeat([[0], [1]], 2, axis=0),
        "sublattice": np.array([0, 1, 0, 1]),
        "site_of_orbital": np.arange(N),
        "reference/real_space_winding": rng.normal(size=B),
        "proxy/clean_parameters": np.zeros(B),
    }


def write_planted(folder, task, variant, model, parameters) -> None:
    """Write weights and ``settings.json`` of a run of a variant, and of its model, whose weights are the given ones."""
    seeds = list(range(len(next(iter(parameters.values())))))
    document = {
        "variant": variant.name,
        "settings": variant.entry(),
        "shapes": {key: list(shape) for key, shape in model.shapes.items()},
        "seeds": seeds,
        "task": task,
        "model": model.family,
        "form": model.form,
        "geometry": "",
        "midgap_pair": "kept",
        "flops": [0.0] * len(seeds),
    }
    arrays = {key: tensor.numpy() for key, tensor in parameters.items()}
    write_arrays(folder / "weights.h5", arrays, {"settings_digest": digest(document)})
    write_json(folder / "settings.json", document)


def generated(**recipe) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays and attributes of a dataset that a recipe's entry draws, as its file holds them."""
    samples = generate(**recipe)
    return dataset_arrays(samples), samples.attributes


def chains(cells: int, strongest: float = 0.5, **changes) -> dict:
    """Return the recipe of chains of so many cells, of either integer, with bonds disordered up to this strength."""
    parameters = {"intracell": [0.2, 1.8], "intercell": 1.0}
    disorder = [{"name": "bond_box", "strength": [0.0, strongest]}]
    shape = {"name": "segment", "size": [cells]}
    return {"system": "ssh", "shape": shape, "parameters": parameters, "disorder": disorder, **changes}


def squares(side: int, **changes) -> dict:
    """Return the recipe of clean squares of this side, of every Chern number of the family."""
    shape = {"name": "rectangle", "size": [side, side]}
    return {"system": "qwz", "shape": shape, "parameters": {"mass": [-3.0, 3.0]}, "disorder": [], **changes}


def written(folder: Path, recipes: Mapping[str, Mapping], **common) -> dict[str, Path]:
    """Write the dataset that each recipe draws, and return the files by name."""
    paths = {name: folder / f"{name}.h5" for name in recipes}
    for name, recipe in recipes.items():
        write_dataset(paths[name], generate(name=name, **{"minimum_margin": 0.1, **common, **recipe}))
    return paths


def of_split(samples: Samples, split: str) -> Samples:
    """Return the samples of one split."""
    return samples[samples.split == SPLITS.index(split)]
