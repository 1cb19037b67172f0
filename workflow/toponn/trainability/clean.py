"""Training without disorder, testing with it: whether a seed that classifies clean samples also classifies others."""

import pandas as pd

from toponn.models.base import Parameters
from toponn.tools.options import Seeds
from toponn.trainability.record import diagnostic
from toponn.trainability.subject import Measured, Seen, Subject, fitted_parameters, outcome, scores, seen, unit_rows
from toponn.training.runs import start_parameters


@diagnostic(
    needs=("clean",),
    conditions={"test": "dataset whose test split it is: the clean one, or the one that the study trains on"},
    trainings=1,
    figure="decoupling",
)
def clean(subject: Subject, *, seeds: Seeds = 100) -> Measured:
    """Measure ``clean_balanced_accuracy`` of seeds trained on clean samples, on other clean and on disordered samples.

    Parameters
    ----------
    seeds : number of seeds of each model; of one that has fewer, all

    References
    ----------
    arXiv 2406.10012, in which 22 of 100 identically configured networks generalize from clean to disordered SSH chains.
    """
    here = seen(subject.variant, subject.datasets["clean"][0], ("train", "validation", "test"), seeds=seeds)
    there = seen(subject.variant, subject.home, ("test",), seeds=seeds, uses=1)
    parameters = clean_parameters(subject, here, seeds)
    rows = [
        unit_rows(
            subject,
            here,
            {"test": tested.dataset.name},
            range(seeds),
            clean_balanced_accuracy=scores(here.model, parameters, tested.samples["test"]),
        )
        for tested in (here, there)
    ]
    return Measured(pd.concat(rows, ignore_index=True), {})


def clean_parameters(subject: Subject, here: Seen, seeds: int) -> Parameters:
    """Return the weights of all seeds after training on the clean samples, or solving for them."""
    if here.model.solved:
        return fitted_parameters(here, here.samples["train"])
    initial = start_parameters(here.model, here.dataset, subject.root, subject.variant.name, range(seeds))
    return outcome(subject, here, initial)[0].parameters
