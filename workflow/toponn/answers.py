"""Which models learn the invariant, which a proxy, and what makes the exact model hard or easy to train: one page.

Every statement is made from rows of the tables by a rule that it states itself, and gives for each model a number, its
interval and the figure. Intervals are those of the tables: Wilson's for shares of seeds, crossed bootstraps over seeds
and samples for accuracies and for whom a model sides with, 10 % to 90 % of the seeds for medians, Student's for
exponents.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMNS = "question task statement model form value low high note figure".split()
QUESTIONS = {
    "invariant": "Which models learn the invariant?",
    "proxy": "Which models learn a proxy?",
    "training": "What makes the exact model hard or easy to train?",
}
NEARLY_ALWAYS, HALF = 0.9, 0.5
"""Shares of conflicting samples from which on a model sides with the invariant, and with a proxy."""
SOLVED = 0.95
"""Balanced accuracy that the lower end of the interval reaches on a test that counts as solved."""
VERDICTS = ("the invariant", "a proxy", "neither")

Group = tuple[str, str, str]
"""Task, model and form."""
Row = dict[str, object]
Numbers = tuple[float, float, float]


@dataclass(frozen=True)
class Tables:
    """What the answers are made from.

    Attributes
    ----------
    trainability, proxies, summary : tables of the study
    homes : the dataset that each task trains on, by task
    sizes : its number of cells or sites, by task
    tests : the tests of each task that are no proxy tests, by task
    """

    trainability: pd.DataFrame
    proxies: pd.DataFrame
    summary: pd.DataFrame
    homes: Mapping[str, str]
    sizes: Mapping[str, int]
    tests: Mapping[str, list[str]]

    def of(self, diagnostic: str, key: str | None = None, home: bool = True) -> Iterator[tuple[Group, pd.DataFrame]]:
        """Yield each model's rows of a diagnostic; with `key` those that have it in their condition, as a column.

        With `home` only rows of the size that the task trains on.
        """
        rows = self.trainability[self.trainability["diagnostic"] == diagnostic]
        if key:
            found = rows["condition"].str.extract(rf"(?:^|, ){key}=([^,]+)", expand=False)
            rows = rows.assign(**{key: found}).dropna(subset=key)
        for group, part in rows.groupby(["task", "model", "form"], sort=False):
            part = part[part["size"] == self.sizes[group[0]]] if home else part
            if len(part):
                yield group, part


def numbers(line: pd.Series, value: str = "value", low: str = "low", high: str = "high") -> Numbers:
    """Return a value and its interval from a row of a table."""
    return float(line[value]), float(line[low]), float(line[high])


def row(question: str, group: Group, statement: str, found: Numbers, figure: str, note: str = "") -> Row:
    """Return one model's part of a statement."""
    task, model, form = group
    values = (QUESTIONS[question], task, statement, model, form, *found, note, f"{figure}_{task}")
    return dict(zip(COLUMNS, values, strict=True))


# --- The invariant or a proxy -----------------------------------------------------------------------------------------


def conflicts_of(tables: Tables) -> Iterator[tuple[Group, pd.DataFrame]]:
    """Yield each model's rows of the proxy tests alone, where it can run and conflicts have more than one label.

    Of conflicts with a single label a model that gives one answer to all would be right, or wrong, throughout.
    """
    decided = tables.proxies[(tables.proxies["status"] == "ok") & (tables.proxies["n_labels"] > 1)]
    for group, rows in decided.groupby(["task", "model", "form"], sort=False):
        rows = rows[~rows["test"].isin([*tables.tests[group[0]], tables.homes[group[0]]])]
        if len(rows):
            yield group, rows


def accuracies_of(tables: Tables, group: Group) -> pd.DataFrame:
    """Return a model's rows of the summary for the proxy tests that it can run."""
    task, model, form = group
    table = tables.summary[(tables.summary["task"] == task) & (tables.summary["status"] != "not applicable")]
    table = table[(table["model"] == model) & (table["form"] == form)]
    return table[~table["test"].isin([*tables.tests[task], tables.homes[task]])]


def verdict(rows: pd.DataFrame, accuracies: pd.DataFrame) -> str:
    """Return what a model learns, from its rows of the proxy tests and its accuracies on them.

    The invariant, if its balanced accuracy is at least 0.9 on every proxy test and its share of labels at least 0.9
    wherever a proxy disagrees; else a proxy, if on some pair the share of the proxy's integers is above one half with
    its whole interval; else neither.
    """
    if (rows["invariant"] >= NEARLY_ALWAYS).all() and (accuracies["balanced_accuracy"] >= NEARLY_ALWAYS).all():
        return VERDICTS[0]
    return VERDICTS[1] if (rows["proxied_low"] > HALF).any() else VERDICTS[2]


def siding(tables: Tables) -> Iterator[Row]:
    """Yield where each model sides least with the invariant, and where most with a proxy."""
    for group, rows in conflicts_of(tables):
        worst, most = rows.loc[rows["invariant"].idxmin()], rows.loc[rows["proxied"].idxmax()]
        found = verdict(rows, accuracies_of(tables, group))
        note = f"learns {found}; on {_pair(worst)}; mean of {len(rows)} pairs {rows['invariant'].mean():.3f}"
        statement = "Least share of the samples of one proxy test on which it gives the label, not the proxy's integer"
        yield row("invariant", group, statement, _share(worst, "invariant"), "proxies", note)
        statement = "Largest share of the samples of one proxy test on which it gives the proxy's integer instead"
        yield row("proxy", group, statement, _share(most, "proxied"), "proxies", f"on {_pair(most)}")


def _share(line: pd.Series, side: str) -> Numbers:
    return numbers(line, side, f"{side}_low", f"{side}_high")


def _pair(line: pd.Series) -> str:
    """Return the test, the proxy and the number of samples on which it contradicts the label."""
    return f"{line['test']} against {line['proxy'].replace('_', ' ')}, {int(line['n_conflicts'])} samples"


def misled(tables: Tables) -> Iterator[Row]:
    """Yield each model's lowest accuracy on a proxy test."""
    for group, _ in conflicts_of(tables):
        rows = accuracies_of(tables, group)
        if len(rows):
            lowest = rows.loc[rows["balanced_accuracy"].fillna(0).idxmin()]
            found = numbers(lowest, "balanced_accuracy")
            yield row(
                "proxy", group, "Lowest balanced accuracy on a proxy test", found, "proxies", f"on {lowest['test']}"
            )


def solved(tables: Tables) -> Iterator[Row]:
    """Yield each model's lowest accuracy on a test without refitting, and how many tests it solves."""
    table = tables.summary[tables.summary["status"] != "not applicable"]
    for group, rows in table.groupby(["task", "model", "form"], sort=False):
        rows = rows[rows["test"].isin(tables.tests[group[0]])]
        if len(rows):
            count, lowest = int((rows["low"] >= SOLVED).sum()), rows.loc[rows["balanced_accuracy"].fillna(0).idxmin()]
            note = f"on {lowest['test']}; solves {count} of the {len(rows)} that it can run"
            statement = (
                f"Lowest balanced accuracy on unseen sizes, lattices, disorder and integers (solved: {SOLVED:g})"
            )
            yield row("invariant", group, statement, numbers(lowest, "balanced_accuracy"), "generalization", note)


def followed(tables: Tables) -> Iterator[Row]:
    """Yield how far each model's output follows the reference's real value beyond the label."""
    for group, rows in tables.of("residual_overlap"):
        if np.isfinite(rows["value"].iloc[0]):
            statement = "Correlation of its output with the local marker among samples of one label"
            yield row("invariant", group, statement, numbers(rows.iloc[0]), "overlap")


def clean_to_disordered(tables: Tables) -> Iterator[Row]:
    """Yield what seeds that were trained without disorder score with it."""
    for group, rows in tables.of("clean_balanced_accuracy", "test"):
        away, at_home = (rows[(rows["test"] == tables.homes[group[0]]) == there] for there in (True, False))
        if len(away) and len(at_home):
            note = f"{at_home['value'].iloc[0]:.3f} on clean ones; {int(away['n_seeds'].iloc[0])} seeds"
            statement = "Balanced accuracy on disordered samples after training on clean ones, median"
            yield row("proxy", group, statement, numbers(away.iloc[0]), "decoupling", note)


# --- Training ---------------------------------------------------------------------------------------------------------


def against_size(tables: Tables) -> Iterator[Row]:
    """Yield how often random starts succeed at the largest size that was trained, with the smallest beside it."""
    for group, rows in tables.of("success_fraction", home=False):
        rows = rows[rows["condition"] == "start=random"].sort_values("size")
        if len(rows) > 1:
            first, last = rows.iloc[0], rows.iloc[-1]
            before = f"{first['value']:.3f} ({first['low']:.3f} to {first['high']:.3f})"
            note = f"size {last['size']}; {before} at {first['size']}"
            yield row("training", group, "Success of random starts at the largest size", numbers(last), "sizes", note)


def windows(tables: Tables) -> Iterator[Row]:
    """Yield over which range of learning rates and of scales at least half of the seeds succeed."""
    for diagnostic, key, what in (
        ("rate_success", "factor", "learning rate"),
        ("scale_success", "scale", "initial scale"),
    ):
        for group, rows in tables.of(diagnostic, key):
            rows = rows.assign(at=rows[key].astype(float)).sort_values("at")
            works, worst = rows[rows["value"] >= HALF], rows.loc[rows["value"].idxmin()]
            span = (
                f"half succeed from {works['at'].min():g} to {works['at'].max():g}"
                if len(works)
                else "half never succeed"
            )
            note = f"at {worst['at']:g} times the usual one; {span} of {rows['at'].min():g} to {rows['at'].max():g}"
            yield row(
                "training", group, f"Least success over all tried values of the {what}", numbers(worst), "rates", note
            )


def basins(tables: Tables) -> Iterator[Row]:
    """Yield the noise on the closed form at which half of the retrainings succeed."""
    for group, rows in tables.of("half_success_noise"):
        value, low, high = numbers(rows.iloc[0])
        note = "" if np.isfinite(value) else f"at least {low:g}" if np.isinf(high) else f"at most {high:g}"
        found = (
            (value, low, high) if np.isfinite(value) else (low, low, np.inf) if np.isinf(high) else (high, 0.0, high)
        )
        yield row(
            "training",
            group,
            "Relative noise on the closed form at which half of the retrainings succeed",
            found,
            "basin",
            note,
        )


def samples_needed(tables: Tables) -> Iterator[Row]:
    """Yield the smallest number of training samples from which the median seed solves the task."""
    for group, rows in tables.of("samples_balanced_accuracy", "samples"):
        rows = rows.assign(at=rows["samples"].astype(int)).sort_values("at")
        enough = rows[rows["value"] >= SOLVED]
        line = enough.iloc[0] if len(enough) else rows.iloc[-1]
        note = f"with {line['at']} samples" if len(enough) else f"not reached with {line['at']} samples"
        statement = f"Balanced accuracy at the fewest training samples with which the median seed reaches {SOLVED:g}"
        yield row("training", group, statement, numbers(line), "sample_sizes", note)


def remedies(tables: Tables) -> Iterator[Row]:
    """Yield the share of seeds that succeed under the best remedy, with plain training at the same cost beside it."""
    for group, rows in tables.of("remedy_success", "remedy"):
        plain, others = rows[rows["remedy"] == "plain"], rows[rows["remedy"] != "plain"]
        if len(plain) and len(others):
            best, usual = others.loc[others["value"].idxmax()], plain.iloc[0]
            note = f"{best['remedy']}; plain {usual['value']:.3f} ({usual['low']:.3f} to {usual['high']:.3f})"
            yield row("training", group, "Success under the best remedy at equal cost", numbers(best), "remedies", note)


SINGLE = (
    ("gradient_exponent", "", "Exponent of the gradient's variance at the start in the size", "gradients", False),
    (
        "line_barrier",
        "from=random",
        "Barrier of the loss from a random start straight to the closed form",
        "landscape",
        True,
    ),
    ("line_barrier", "aligned=yes", "Barrier between trained and closed-form weights, aligned", "landscape", True),
    ("hessian_negative_fraction", "at=random", "Share of directions that lead down at a random start", "hessian", True),
    ("hessian_condition", "at=trained", "Condition number of the Hessian at trained weights", "hessian", True),
    ("kernel_effective_rank", "at=start", "Effective rank of the tangent kernel at the start", "kernel", True),
)
"""Diagnostic, beginning of its condition, statement, figure, and whether of the task's own size alone."""


def singles(tables: Tables) -> Iterator[Row]:
    """Yield statements that are one row of a diagnostic."""
    for diagnostic, condition, statement, figure, home in SINGLE:
        for group, rows in tables.of(diagnostic, home=home):
            rows = rows[rows["condition"].str.startswith(condition) & np.isfinite(rows["value"])]
            if len(rows):
                yield row("training", group, statement, numbers(rows.iloc[0]), figure)


def answers(tables: Tables) -> pd.DataFrame:
    """Return each model's part of every statement, question by question and statement by statement."""
    makers = (
        siding,
        misled,
        solved,
        followed,
        clean_to_disordered,
        against_size,
        windows,
        basins,
        singles,
        samples_needed,
        remedies,
    )
    frame = pd.DataFrame([found for maker in makers for found in maker(tables)], columns=COLUMNS)
    order = {text: place for place, text in enumerate(QUESTIONS.values())}
    return frame.sort_values("question", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def verdicts(tables: Tables) -> dict[str, dict[str, list[str]]]:
    """Return by task and verdict the models, as "model,form", that the proxy tests put there."""
    found: dict[str, dict[str, list[str]]] = {}
    for group, rows in conflicts_of(tables):
        task, model, form = group
        groups = found.setdefault(task, {text: [] for text in VERDICTS})
        groups[verdict(rows, accuracies_of(tables, group))].append(f"{model},{form}".strip(","))
    return found
