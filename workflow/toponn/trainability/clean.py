"""Trained without disorder, tested with it: whether a seed that knows clean samples knows others."""

import pandas as pd

from toponn.models.base import Parameters
from toponn.trainability.subject import Measured, Seen, Subject, scores, seen, unit_rows
from toponn.training.devices import device_of
from toponn.training.loop import train
from toponn.training.runs import start_parameters


def clean(subject: Subject, *, seeds: int) -> Measured:
    """Return ``clean_balanced_accuracy`` of seeds trained on clean samples, on others of these and on disordered ones.

    The condition names the dataset whose test split it is: the clean one, and the one that the study trains on.

    References
    ----------
    arXiv 2406.10012, in which 22 of 100 identically configured networks generalize from clean to disordered SSH chains.
    """
    here = seen(subject.settings, subject.datasets["clean"][0], ("train", "validation", "test"), seeds=seeds)
    there = seen(subject.settings, subject.home, ("test",), seeds=seeds, uses=1)
    parameters = clean_parameters(subject, here, seeds)
    rows = [
        unit_rows(
            subject,
            here,
            f"test={seen_.dataset.name}",
            range(seeds),
            clean_balanced_accuracy=scores(here.model, parameters, seen_.samples["test"]),
        )
        for seen_ in (here, there)
    ]
    return Measured(pd.concat(rows, ignore_index=True), {})


def clean_parameters(subject: Subject, here: Seen, seeds: int) -> Parameters:
    """Return the weights after training on the clean samples."""
    training, validation = here.samples["train"], here.samples["validation"]
    if "training" not in subject.settings:
        return here.model.fit(training.inputs, training.labels, validation.inputs, validation.labels)
    initial = start_parameters(here.model, here.dataset, subject.root, subject.name, range(seeds))
    hyper = {**subject.settings["training"], "root": subject.root, "order": here.dataset.name}
    device = device_of(subject.device)
    return train(here.model, initial, training, validation, **hyper, device=device).parameters
