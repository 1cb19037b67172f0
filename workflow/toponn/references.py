"""How often independent references agree on a dataset: the ceiling of every accuracy."""

from itertools import combinations

import numpy as np
import pandas as pd

from toponn.datasets import Dataset
from toponn.statistics import wilson_interval

COLUMNS = "system shape size disorder estimator_a estimator_b n_samples agreement low high".split()


def reference_rows(dataset: Dataset) -> pd.DataFrame:
    """Return the agreement, with its Wilson 95 % interval, of every pair of references, rounded to integers.

    The label's estimator is the spectral localizer. ``size`` counts sites, and ``disorder`` is the part of the
    dataset's string that names the disorder and its strength.
    """
    attributes = dataset.attributes
    disorder = attributes["system"].partition("[")[2].rstrip("]").removeprefix(attributes["shape"]).lstrip(", ")
    estimates = {"spectral_localizer": dataset.label}
    estimates |= {name: np.rint(values) for name, values in dataset.references.items()}
    rows = []
    for a, b in combinations(estimates, 2):
        same = int((estimates[a] == estimates[b]).sum())
        about = (attributes["system_name"], attributes["shape"], len(dataset.states.positions), disorder)
        rows.append((*about, a, b, len(dataset), same / len(dataset), *wilson_interval(same, len(dataset))))
    return pd.DataFrame(rows, columns=COLUMNS)
