"""Which models learn the invariant, which a proxy, and what makes the exact model hard or easy to train: one page.

Every statement is made from rows of the tables by a rule that it states itself, and gives for each model a number, its
interval and the figure. Intervals are those of the tables: Wilson's for shares of seeds, crossed bootstraps over seeds
and samples for accuracies and for whom a model sides with, 10 % to 90 % of the seeds for medians, Student's for
exponents.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from toponn.tools.files import rows_where
from toponn.tools.statements import Statement
from toponn.tools.tables import ABOUT, columns_of

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

Group = tuple[str, str, str, str]
"""The values of `ABOUT`."""
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
        """Yield each variant's rows of a diagnostic; with `key` those that have this condition.

        With `home` only rows of the size that the task trains on.
        """
        rows = self.trainability[self.trainability["status"] == "ok"]
        rows = rows[rows["diagnostic"] == diagnostic]
        if key and len(rows):
            rows = rows.dropna(subset=key)
        for group, part in rows.groupby(ABOUT, sort=False):
            part = part[part["size"] == self.sizes[group[0]]] if home else part
            if len(part):
                yield group, part


def numbers(line: pd.Series, value: str = "value", low: str = "low", high: str = "high") -> Numbers:
    """Return a value and its interval from a row of a table."""
    return float(line[value]), float(line[low]), float(line[high])


def row(question: str, group: Group, statement: str, found: Numbers, figure: str, note: str = "") -> Row:
    """Return one variant's part of a statement."""
    part = dict(zip(ABOUT, group, strict=True)) | dict(zip(("value", "low", "high"), found, strict=True))
    about = {"question": QUESTIONS[question], "statement": statement, "note": note}
    return {**part, **about, "figure": f"{figure}_{part['task']}"}


# --- The invariant or a proxy -----------------------------------------------------------------------------------------


def conflicts_of(tables: Tables) -> Iterator[tuple[Group, pd.DataFrame]]:
    """Yield each variant's rows of the proxy tests alone, where it can run and conflicts have more than one label.

    Of conflicts with a single label a model that gives one answer to all would be right, or wrong, throughout.
    """
    decided = tables.proxies[(tables.proxies["status"] == "ok") & (tables.proxies["n_labels"] > 1)]
    for group, rows in decided.groupby(ABOUT, sort=False):
        rows = rows[~rows["test"].isin([*tables.tests[group[0]], tables.homes[group[0]]])]
        if len(rows):
            yield group, rows


def accuracies_of(tables: Tables, group: Group) -> pd.DataFrame:
    """Return a variant's rows of the summary for the proxy tests that it can run."""
    task, variant = group[:2]
    table = tables.summary[(tables.summary["task"] == task) & (tables.summary["variant"] == variant)]
    table = table[table["status"] != "not applicable"]
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
            text = "Lowest balanced accuracy on a proxy test"
            yield row("proxy", group, text, found, "proxies", f"on {lowest['test']}")


def solved(tables: Tables) -> Iterator[Row]:
    """Yield each model's lowest accuracy on a test without refitting, and how many tests it solves."""
    table = tables.summary[tables.summary["status"] != "not applicable"]
    for group, rows in table.groupby(ABOUT, sort=False):
        rows = rows[rows["test"].isin(tables.tests[group[0]])]
        if len(rows):
            count, lowest = int((rows["low"] >= SOLVED).sum()), rows.loc[rows["balanced_accuracy"].fillna(0).idxmin()]
            note = f"on {lowest['test']}; solves {count} of the {len(rows)} that it can run"
            text = f"Lowest balanced accuracy on unseen sizes, lattices, disorder and integers (solved: {SOLVED:g})"
            yield row("invariant", group, text, numbers(lowest, "balanced_accuracy"), "generalization", note)


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
        if np.isfinite([*away["value"][:1], *at_home["value"][:1]]).sum() == 2:
            note = f"{at_home['value'].iloc[0]:.3f} on clean ones; {int(away['n_seeds'].iloc[0])} seeds"
            statement = "Balanced accuracy on disordered samples after training on clean ones, median"
            yield row("proxy", group, statement, numbers(away.iloc[0]), "decoupling", note)


# --- Training ---------------------------------------------------------------------------------------------------------


def against_size(tables: Tables) -> Iterator[Row]:
    """Yield how often random starts succeed at the largest size that was trained, with the smallest beside it."""
    for group, rows in tables.of("success_fraction", home=False):
        rows = rows[rows["start"] == "random"].sort_values("size")
        if len(rows) > 1:
            first, last = rows.iloc[0], rows.iloc[-1]
            before = f"{first['value']:.3f} ({first['low']:.3f} to {first['high']:.3f})"
            note = f"size {last['size']}; {before} at {first['size']}"
            yield row("training", group, "Success of random starts at the largest size", numbers(last), "sizes", note)


def windows(tables: Tables) -> Iterator[Row]:
    """Yield over which range of learning rates and of scales at least half of the seeds succeed."""
    tried = (("rate_success", "factor", "learning rate"), ("scale_success", "scale", "initial scale"))
    for diagnostic, key, what in tried:
        for group, rows in tables.of(diagnostic, key):
            rows = rows.assign(at=pd.to_numeric(rows[key])).sort_values("at")
            works, worst, span = rows[rows["value"] >= HALF], rows.loc[rows["value"].idxmin()], "half never succeed"
            if len(works):
                span = f"half succeed from {works['at'].min():g} to {works['at'].max():g}"
            note = f"at {worst['at']:g} times the usual one; {span} of {rows['at'].min():g} to {rows['at'].max():g}"
            text = f"Least success over all tried values of the {what}"
            yield row("training", group, text, numbers(worst), "rates", note)


def basins(tables: Tables) -> Iterator[Row]:
    """Yield the noise on the closed form at which half of the retrainings succeed."""
    text = "Relative noise on the closed form at which half of the retrainings succeed"
    for group, rows in tables.of("half_success_noise"):
        (value, low, high), note = numbers(rows.iloc[0]), ""
        if not np.isfinite(value) and low == 0 and np.isinf(high):
            note = "undecided: surely neither more nor fewer than half at any noise that was tried"
        elif not np.isfinite(value):
            note = f"at least {low:g}" if np.isinf(high) else f"at most {high:g}"
            value, low = (low, low) if np.isinf(high) else (high, 0.0)
        yield row("training", group, text, (value, low, high), "basin", note)


def samples_needed(tables: Tables) -> Iterator[Row]:
    """Yield the smallest number of training samples from which the median seed solves the task."""
    for group, rows in tables.of("samples_balanced_accuracy", "samples"):
        rows = rows.assign(at=pd.to_numeric(rows["samples"]).astype(int)).sort_values("at")
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


def singles(tables: Tables, statements: Sequence[tuple[str, Statement]]) -> Iterator[Row]:
    """Yield statements that are one row of a diagnostic, the first that has its conditions; an empty one is absent."""
    for figure, statement in statements:
        for group, rows in tables.of(statement.diagnostic, home=statement.home):
            rows = rows_where(rows[np.isfinite(rows["value"])], statement.where)
            if len(rows):
                yield row("training", group, statement.text, numbers(rows.iloc[0]), figure)


def answers(tables: Tables, statements: Sequence[tuple[str, Statement]]) -> pd.DataFrame:
    """Return each variant's part of every statement, question by question and statement by statement.

    Parameters
    ----------
    statements : those that diagnostics declare, after the name of the figure that shows each
    """
    makers = (siding, misled, solved, followed, clean_to_disordered, against_size, windows, basins)
    rows = [found for maker in makers for found in maker(tables)]
    rows += [*singles(tables, statements), *samples_needed(tables), *remedies(tables)]
    order = {text: place for place, text in enumerate(QUESTIONS.values())}
    frame = pd.DataFrame(rows, columns=columns_of("answers", ()))
    return frame.sort_values("question", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def verdicts(tables: Tables) -> dict[str, dict[str, list[str]]]:
    """Return by task and verdict the variants that the proxy tests put there."""
    found: dict[str, dict[str, list[str]]] = {}
    for group, rows in conflicts_of(tables):
        task, variant = group[:2]
        groups = found.setdefault(task, {text: [] for text in VERDICTS})
        groups[verdict(rows, accuracies_of(tables, group))].append(variant)
    return found
