"""The declarations of tables: complete, without repetition, and the pages that are made from them."""

import numpy as np
import pandas as pd
import pytest

from toponn.study.declared import declared_function
from toponn.study.reference import PAGE, reference
from toponn.tools.checks import DataError
from toponn.tools.files import read_table, write_table
from toponn.tools.tables import COLUMNS, TABLES, columns_of
from toponn.trainability import DIAGNOSTICS, record


def test_every_column_of_every_table_has_a_meaning_and_every_meaning_a_column():
    used = {column for table in TABLES.values() for column in table.columns}
    assert used == set(COLUMNS)
    for name, table in TABLES.items():
        assert set(table.key) <= set(table.columns) and len(set(table.columns)) == len(table.columns), name


def test_no_condition_of_a_diagnostic_has_the_name_of_a_column_of_its_tables():
    for row in DIAGNOSTICS.values():
        conditions = declared_function(row, record).record.conditions
        assert not set(conditions) & {*TABLES["diagnostics"].columns, *TABLES["trainability"].columns}


def test_the_stored_reference_of_tables_is_current():
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: python -m toponn.study.reference"


def frame(**columns):
    about = {"task": "chern", "variant": "a", "model": "ring", "form": "", "diagnostic": "d", "size": 64}
    return pd.DataFrame({**about, "seed": [0, 1], "value": [0.5, np.nan], "status": "ok", **columns})


def test_conditions_stand_between_key_and_numbers_and_files_with_others_are_joined(tmp_path):
    write_table(tmp_path / "a.csv", frame(noise=[0.1, 0.2]), "diagnostics")
    write_table(tmp_path / "b.csv", frame(kept=["all", "4"]), "diagnostics")
    joined = read_table([tmp_path / "a.csv", tmp_path / "b.csv"], "diagnostics")
    assert list(joined.columns) == columns_of("diagnostics", ["noise", "kept"])
    assert joined["noise"].isna().tolist() == [False, False, True, True]


def test_tables_are_joined_in_the_order_given_and_empty_ones_change_no_types(tmp_path):
    for name, rows in (("a", frame()), ("none", frame()[:0]), ("b", frame(seed=[12, 3]))):
        write_table(tmp_path / name, rows, "diagnostics")
    found = read_table([tmp_path / name for name in ("a", "none", "b")], "diagnostics")
    assert found["seed"].tolist() == [0, 1, 12, 3] and found["seed"].dtype == np.int64
    assert len(read_table(tmp_path / "none", "diagnostics")) == 0


def test_names_and_conditions_that_spell_nothing_are_read_as_they_are(tmp_path):
    write_table(tmp_path / "a.csv", frame(variant="null", kept=["nan", None]), "diagnostics")
    read = read_table(tmp_path / "a.csv", "diagnostics")
    assert set(read["variant"]) == {"null"} and read["kept"].tolist()[0] == "nan"
    assert read[["kept", "value"]].isna().to_numpy().tolist() == [[False, False], [True, True]]


def test_two_rows_of_one_key_are_refused_and_two_conditions_are_two_keys(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv: found two rows of .*variant a.*seed 0.*; allowed: one"):
        write_table(tmp_path / "a.csv", frame(seed=[0, 0]), "diagnostics")
    assert not (tmp_path / "a.csv").exists()
    write_table(tmp_path / "a.csv", frame(seed=[0, 0], noise=[0.1, 0.2]), "diagnostics")


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataError, match="the table lacks the columns status"):
        write_table(tmp_path / "a.csv", frame().drop(columns="status"), "diagnostics")
