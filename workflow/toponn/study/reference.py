"""The page ``docs/tables.md``: every table with its rows, key and columns, and the conditions of the diagnostics.

``python -m toponn.study.reference`` writes it; a test says that the stored one is current.
"""

from pathlib import Path

from toponn.study.declared import declared_function
from toponn.tools.tables import COLUMNS, TABLES
from toponn.trainability import DIAGNOSTICS, record

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tables.md"


def reference() -> str:
    """Return the page in Markdown."""
    parts = [
        "# Tables",
        "Made from `workflow/toponn/tools/tables.py` and the diagnostics' records: `python -m toponn.study.reference`.",
        "They stand in `results/<study>/tables/<name>.csv`; `history` stands in the folder of each run.",
        "Beside every table, in `<name>.csv-metadata.json`, are its columns, number of rows, SHA-256 and provenance.",
    ]
    for name, table in TABLES.items():
        parts.append(f"## {name}")
        parts.append(f"A row is {table.row}. {table.note}".rstrip())
        found = ", ".join(f"`{column}`" for column in table.columns)
        more = ", and the conditions of the diagnostics" if table.conditions else ""
        parts.append(f"Columns: {found}{more}.")
        parts.append(f"Key: {', '.join(f'`{column}`' for column in table.key)}{more}.")
    parts += ["## Columns", "\n".join(f"- `{name}`: {text}" for name, text in COLUMNS.items())]
    parts += ["## Conditions of diagnostics", "A row has a value in the columns of its own diagnostic."]
    parts.append("\n".join(_conditions()))
    return "\n\n".join(parts) + "\n"


def _conditions() -> list[str]:
    """Return a line for each diagnostic that has conditions."""
    lines = []
    for name, row in DIAGNOSTICS.items():
        said = declared_function(row, record).record.conditions
        if said:
            lines.append(f"- {name}: " + "; ".join(f"`{column}`, {text}" for column, text in said.items()))
    return lines


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
