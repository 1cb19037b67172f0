"""Every table of the study, declared once: what a row is, its columns in order, what each means, and the key.

Scripts write and read tables by these declarations; captions of the report and the reference in ``docs/tables.md`` are
made from them. A column means the same wherever it stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from toponn.tools.options import Told

HOME, MISLEADING, ALL = "training data", "misleading", "all"
"""Kinds of tests that a study does not name: the training dataset's own, the proxy tests, and all but the first."""

INTERVAL = "end of the interval"

COLUMNS: Told = {
    # what a row is about
    "task": "winding (chains) or chern (the plane)",
    "variant": "the model: its key under `models` in the config",
    "model": "family of the model: ring, cnn, resnet, mlp, loop_ridge or a user's own",
    "form": "of a ring what its site tensors are: coordinate, free, wavefunction, or a reduced wavefunction form",
    "start": "where training starts: random or closed_form",
    "dataset": "what it was trained on",
    "seed": "number of the run, which fixes all its random numbers",
    "test": "dataset that fixed weights are put to, or what a claim or answer was tested on",
    "kind": "what a test changes: sizes, shapes, lattices, …; misleading: a proxy says otherwise",
    "size": "cells of a chain, sites in the plane",
    "status": "ok, failed (not finite), or not applicable, with the reason where it is one of the model's",
    # counts
    "n_seeds": "seeds behind the number",
    "n_samples": "samples behind the number",
    "n_tests": "tests behind the mean",
    "n_sites": "sites of a sample or region",
    "n_parameters": "trainable numbers of one seed",
    "n_conflicts": "samples on which the proxy's integer is not the label",
    "n_labels": "labels with at least 10 such samples",
    # training
    "epochs": "passes over the training split; of a failed seed the one in which it went non-finite",
    "flops": "floating-point operations of matrix products and convolutions in the training of one seed",
    "seconds": "processor seconds; differs when run again",
    "train_loss": "mean negative log-likelihood of the training labels",
    "validation_loss": "the same on the validation split",
    "validation_accuracy": "share of validation samples with the right integer",
    "validation_balanced_accuracy": "the same, every integer counting alike",
    "success": "whether balanced accuracy on the split of `success` reaches its threshold",
    "epoch": "0 is before the first step",
    "gradient_norm": "mean over the steps of the norm of the gradient",
    "learning_rate": "at the first step",
    "weight_decay": "decoupled, of the optimiser",
    "chosen": "whether the trial has the highest mean balanced accuracy on the validation split, ties by the loss",
    # tests
    "accuracy": "share of samples with the right integer",
    "balanced_accuracy": "the same, every integer counting alike",
    "mean_error": "mean |f − label|, in a summary every integer counting alike",
    "error_low": f"lower {INTERVAL} of mean_error",
    "error_high": f"upper {INTERVAL} of mean_error",
    "gain": "mean of f/label where the label is not 0: median over seeds",
    "gain_low": "10 % of the seeds",
    "gain_high": "90 % of the seeds",
    "ceiling": "best balanced accuracy of an independent reference against the labels: how far these can be trusted",
    "tenth": "balanced accuracy that nine of ten seeds reach",
    "low": f"lower {INTERVAL}: 95 % for means and shares, 10 % of the seeds for medians",
    "high": f"upper {INTERVAL}: 95 % for means and shares, 90 % of the seeds for medians",
    "left_out": "dataset that was left out of the training",
    # the hybrid beside its rivals
    "rival": "the rival with the highest mean balanced accuracy on the test",
    "hybrid": "balanced accuracy of the variant, a hybrid that runs on any size",
    "plain": "balanced accuracy of the rival",
    "difference": "hybrid minus plain, paired over seeds and samples",
    # diagnostics
    "diagnostic": "name of the measured quantity",
    "value": "what was measured",
    # proxies
    "proxy": "what says otherwise than the invariant",
    "proxy_accuracy": "balanced accuracy of the proxy itself",
    "invariant": "share of the conflicts on which the model gives the label",
    "invariant_low": f"lower {INTERVAL}, 95 % over seeds and samples",
    "invariant_high": f"upper {INTERVAL}, 95 % over seeds and samples",
    "proxied": "share of the conflicts on which the model gives the proxy's integer",
    "proxied_low": f"lower {INTERVAL}, 95 % over seeds and samples",
    "proxied_high": f"upper {INTERVAL}, 95 % over seeds and samples",
    # samples with two phases
    "name": "entry of the config",
    "draw": "number of the sample",
    "region": "inside or outside of the interface",
    "weight": "the region's part of the magnitudes of the ring's weights",
    "marker": "mean of the local Chern marker over the region, weighted with the ring's weight",
    "learned": "the same of the ring's own local marker",
    "correlation": "of the two markers over the sites of both regions",
    # beyond dense matrices
    "sample": "entry of the config",
    "side": "of the square, nearest-neighbour distances",
    "label": "integer of the spectral localizer",
    "margin": "gap of the spectral localizer",
    "gap": "of the sample at the Fermi level",
    "order": "of the polynomial of H",
    "states": "states about the Fermi level that are computed one by one",
    "vectors": "random vectors of the trace",
    "error": "standard error over the random vectors, or mean distance from the exact integer",
    "dense": "f by dense matrices",
    "preparation": "processor seconds of a sample's projector; differs when run again",
    "dense_seconds": "processor seconds of the dense route; differs when run again",
    "peak_mb": "largest memory of the job so far in MB; differs when run again",
    # labels
    "system": "Hamiltonian family",
    "lattice": "unit cell or point set",
    "parameters": "of the Hamiltonian",
    "shape": "region that the samples are cut to",
    "disorder": "kinds of disorder and their full widths W",
    "estimator": "of the invariant",
    "estimator_a": "one estimator",
    "estimator_b": "the other",
    "agreement": "share of samples on which both give the same integer",
    "length": "of the sample, nearest-neighbour distances or cells",
    "exact": "integer of the infinite clean crystal, or of the localizer at the largest length",
    "worst": "largest distance from exact",
    "right": "share of samples that round to exact",
    "decided": "share of samples that the estimator calls decided",
    "strength": "full width W of the disorder",
    "selection": "all samples, or those that both estimators call decided",
    # verdicts
    "claim": "number of the claim",
    "statement": "in words",
    "measured": "the number",
    "verdict": "by the claim's rule",
    "figure": "that shows it",
    "question": "of the page of answers",
    "note": "where, or under which condition",
}
"""What a column means. Conditions of diagnostics are declared beside the diagnostics."""


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its columns in order, and which of them identify a row.

    Attributes
    ----------
    row : what one row is
    columns : in order
    key : no two rows agree in these
    note : what the columns do not say
    conditions : whether columns of conditions stand between the key and the numbers
    """

    row: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    note: str = ""
    conditions: bool = False


def _table(row: str, columns: str, key: str, note: str = "", conditions: bool = False) -> Table:
    return Table(row, tuple(columns.split()), tuple(key.split()), note, conditions)


ABOUT = ["task", "variant", "model", "form"]
"""Columns that say which model of which task a row is about."""
_ABOUT = " ".join(ABOUT)

_DECLARED: Told = {
    "runs": _table(
        "a seed of a variant on a dataset",
        "task dataset size variant model form seed start n_parameters epochs flops seconds train_loss "
        "validation_accuracy validation_balanced_accuracy success status",
        "dataset variant seed",
    ),
    "history": _table(
        "an epoch of a seed",
        "task dataset variant model form start seed epoch train_loss validation_loss validation_balanced_accuracy "
        "gradient_norm",
        "dataset variant seed epoch",
    ),
    "search": _table(
        "a seed of one trial of learning rate and weight decay",
        "task dataset variant model form start learning_rate weight_decay seed epochs validation_loss "
        "validation_balanced_accuracy status chosen",
        "task variant learning_rate weight_decay seed",
        note="The seeds are the search's own, and no test split is read.",
    ),
    "generalization": _table(
        "a seed on a test",
        "task dataset variant model form seed n_parameters flops test kind n_samples accuracy balanced_accuracy "
        "mean_error ceiling status",
        "task variant seed test",
        note=(
            "Weights are fitted to nothing here. Where the model's encoding cannot represent the test the status says "
            "so and no number stands there."
        ),
    ),
    "generalization_summary": _table(
        "a variant on a test, means over its seeds",
        f"{_ABOUT} n_parameters flops test kind n_seeds n_samples balanced_accuracy low high tenth mean_error "
        "error_low error_high gain gain_low gain_high ceiling status",
        "task variant test",
        note="Intervals are those of a crossed bootstrap over seeds and samples, of the gain 10 and 90 % of the seeds.",
    ),
    "superiority": _table(
        "a hybrid beside the best rival on a test, on a kind of tests, or on all but the training data's own",
        "task variant kind test rival hybrid plain difference low high n_tests n_seeds n_samples status",
        "task variant test",
        note="Pairs are seeds and samples; intervals are those of a crossed bootstrap over both.",
    ),
    "left_out": _table(
        "a seed on a test, one dataset left out of the training",
        "task left_out variant model form seed test n_samples accuracy balanced_accuracy mean_error ceiling status",
        "task left_out variant seed test",
        note="Where ``test`` is ``left_out`` the weights never saw a sample of that dataset.",
    ),
    "left_out_summary": _table(
        "a variant on a test, one dataset left out of the training, means over its seeds",
        "task left_out variant model form test n_seeds n_samples balanced_accuracy low high ceiling status",
        "task left_out variant test",
        note="Intervals are those of a crossed bootstrap over seeds and samples.",
    ),
    "interfaces": _table(
        "a region of a sample with two phases, as a seed sees it",
        f"name {_ABOUT} seed draw region n_sites weight marker learned correlation value",
        "name seed draw region",
        note="Sites that the ring does not see, near border and edge, count in no region.",
    ),
    "diagnostics": _table(
        "a seed under one condition of a diagnostic",
        f"{_ABOUT} diagnostic size seed value status",
        "task variant diagnostic size seed",
        note=(
            "``…_success`` (1 or 0) and ``…_balanced_accuracy`` are those of trainings under the row's condition; "
            "``gradient_variance`` is a seed's squared deviation from the mean gradient of all seeds at the start; "
            "``hessian_…`` and ``kernel_…`` are numbers of the spectra; ``line_barrier``, ``line_descends`` and "
            "``end_loss`` are of the loss along straight lines; ``pruned_…`` and ``ablated_…`` are the balanced "
            "accuracy with weights or sites taken away; ``output_overlap`` and ``residual_overlap`` are the "
            "correlation of the output with the reference's real value, over all samples and within samples of one "
            "label."
        ),
        conditions=True,
    ),
    "trainability": _table(
        "a variant under one condition of a diagnostic: shares of seeds with Wilson's 95 % interval, "
        "gradient_variance and start_gradient_norm as means with a bootstrap 95 % interval, exponents with Student's, "
        "half_success_noise between the noise of which surely more and surely less than half succeed, all else as "
        "medians with 10 and 90 % of the seeds",
        f"{_ABOUT} diagnostic size n_seeds value low high status",
        "task variant diagnostic size",
        note=(
            "``weight_overlap`` is the cosine between the wedge products of learned and closed-form site tensors, "
            "``data_overlap`` the correlation of their outputs over samples. ``closed_form_balanced_accuracy`` has a "
            "bootstrap interval over samples. A ``half_success_noise`` without a value and with an infinite ``high`` "
            "lies beyond ``low``."
        ),
        conditions=True,
    ),
    "proxies": _table(
        "a variant, a test and a proxy",
        f"{_ABOUT} test proxy proxy_accuracy n_samples n_conflicts n_labels n_seeds invariant invariant_low "
        "invariant_high proxied proxied_low proxied_high status",
        "task variant test proxy",
        note=(
            "In all shares every integer counts alike. Proxies: ``clean_parameters`` is the integer of the infinite "
            "crystal without disorder; ``outside_parameters`` that of the outer region of an interface; "
            "``local_correlations`` and ``edge_correlations`` are classifiers fitted to the mean correlations between "
            "neighbouring cells of the bulk or of the edge of training samples, and to nothing else. Intervals are "
            "those of a crossed bootstrap over seeds and samples."
        ),
    ),
    "beyond_dense": _table(
        "a seed on a sparse sample",
        f"{_ABOUT} sample seed side n_sites label margin gap order states vectors value error dense preparation "
        "seconds dense_seconds peak_mb",
        "sample seed side",
        note="All seeds of a sample share its random vectors; label and margin are those of the middle of the sample.",
    ),
    "references": _table(
        "two estimators on a dataset",
        "dataset system shape size disorder estimator_a estimator_b n_samples agreement low high",
        "dataset estimator_a estimator_b",
        note="This agreement is the ceiling to which a classifier can be held; its interval is Wilson's.",
    ),
    "convergence": _table(
        "a point of parameters, a length and an estimator",
        "name system lattice parameters disorder gap exact length n_sites estimator n_samples value error worst right "
        "decided margin",
        "name parameters length estimator",
        note=(
            "``value`` and ``margin`` are means over the samples, the former before rounding. Where there is no "
            "crystal, ``gap`` is empty."
        ),
    ),
    "ceiling": _table(
        "two estimators at a strength of disorder and a length",
        "name system lattice disorder strength length n_sites estimator_a estimator_b selection n_samples agreement "
        "low high",
        "name strength length estimator_a estimator_b selection",
        note="Intervals are Wilson's.",
    ),
    "claims": _table(
        "a claim as a whole (kind whole: the share of rows that count and are supported), or one test of it",
        "claim statement kind variant test measured low high verdict figure",
        "claim kind variant test",
        note=(
            "Measured numbers are this project's; the paper's own are not public. A verdict is *supported* where the "
            "whole interval lies on the claim's side of its threshold, *not supported* where it lies wholly on the "
            "other side, and *mixed* otherwise. Thresholds: closed-form error 1e-10 and gradient error 1e-5 (claim "
            "1), fewer than 90 % of random starts succeed (2), 15 points (3), 95 % balanced accuracy (4), cosine or "
            "correlation 0.9 (5), 15 points lost between the network's own data and the test (6)."
        ),
    ),
    "answers": _table(
        "a variant's part of a statement",
        "question task statement variant model form value low high note figure",
        "task statement variant",
    ),
}
_FITTED: Told = replace(
    _DECLARED["trainability"],
    row="an exponent of the cost in the number of sites, with Student's 95 % interval",
    note="It is fitted to logarithms over the larger half of the sizes.",
)
TABLES: Told = {**_DECLARED, "beyond_dense_exponents": _FITTED}
"""By the name of the file in ``tables/``; ``history`` stands in run folders."""


def columns_of(name: str, found: Iterable[str]) -> list[str]:
    """Return the columns of a table in order; where it has conditions, those that were `found` stand after the key.

    Examples
    --------
    >>> columns_of("diagnostics", ["value", "status", "noise", "task"])[5:]
    ['size', 'noise', 'seed', 'value', 'status']
    """
    table = TABLES[name]
    if not table.conditions:
        return list(table.columns)
    place = table.columns.index("size") + 1
    conditions = [column for column in found if column not in table.columns]
    return [*table.columns[:place], *conditions, *table.columns[place:]]
