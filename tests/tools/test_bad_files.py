"""Files and arrays that are not what they should be: each is refused in one sentence, by our own errors alone."""

import json
import os

import h5py
import numpy as np
import pytest
import torch
import yaml
from scipy.sparse import eye_array
from stored import CHAIN, FILLED, B, N, chain_arrays

from toponn.data.datasets import read_dataset
from toponn.matter.samples import Samples
from toponn.models.base import generators
from toponn.study.read import read_study
from toponn.study.yaml_files import read_yaml
from toponn.tools.checks import ConfigError, DamagedError, DataError
from toponn.tools.digests import digest
from toponn.tools.files import read_arrays, read_csv, read_json, write_arrays
from toponn.training.checkpoints import load_checkpoint
from toponn.training.loop import Batch
from toponn.training.protocol import Variant
from toponn.training.saved import Run, load_run
from toponn.training.views import build_model


class GONE:
    """Stands for what is left out."""


def refused(call, says: str, error: type = DataError) -> None:
    """Check that a call ends in our own error with one line that is like `says`, of at most 400 characters."""
    with pytest.raises(error, match=says) as caught:
        call()
    assert type(caught.value) in (error, DamagedError)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


# --- Datasets ---------------------------------------------------------------------------------------------


ARRAYS = [
    ({"label": GONE}, r"found no array label; it holds: .*it is no dataset"),
    ({"occupied": GONE}, "found no array occupied"),
    ({"site_of_orbital": GONE}, "found no array site_of_orbital"),
    ({"reference/real_space_winding": GONE}, "found no array reference/…"),
    ({"label": np.zeros(B)}, "label: found type float64; allowed: int64"),
    ({"label": np.zeros(B, ">i8")}, "label: found type int64 of another byte order; allowed: int64"),
    ({"label": np.array([b"a"] * B)}, "label: found type bytes8; allowed: int64"),
    ({"label": np.zeros(B - 1, int)}, r"split: found shape \(6,\); allowed: \(B\) with B = 5"),
    ({"label": np.zeros((B, 1), int)}, r"label: found shape \(6, 1\); allowed: \(B\)"),
    ({"label": np.int64(1)}, r"label: found shape \(\); allowed: \(B\)"),
    ({"split": np.full(B, 3, np.int8)}, "split: found 3; allowed: 0 to 2"),
    ({"split": np.full(B, -1, np.int8)}, "split: found -1; allowed: 0 to 2"),
    ({"occupied": np.full((B, FILLED, N), np.nan, np.float32)}, "occupied: found entries that are not finite"),
    ({"occupied": np.zeros((B, FILLED, N), np.float16)}, "occupied: found type float16; allowed: float32 or complex64"),
    ({"occupied": np.zeros((B, N), np.float32)}, r"occupied: found shape \(6, 4\); allowed: \(B, O, n\) with B = 6"),
    (
        {"occupied": np.zeros((B, FILLED, 5), np.float32)},
        r"site_of_orbital: found shape \(4,\); allowed: \(n\) with n = 5",
    ),
    (
        {"positions": np.zeros((N, 2))},
        r"positions: found shape \(4, 2\); allowed: \(N, d\) or \(B, N, d\) with .*d = 1",
    ),
    ({"positions": np.zeros((2, N, 1))}, r"positions: found shape \(2, 4, 1\); allowed: .* with .*B = 6"),
    ({"positions": np.full((N, 1), np.inf)}, "positions: found entries that are not finite"),
    ({"sublattice": np.zeros(3, int)}, r"sublattice: found shape \(3,\); allowed: \(N\) with N = 4"),
    ({"sublattice": np.full(N, 9)}, "sublattice: found 9; allowed: 0 to 3"),
    ({"cell": np.zeros((N, 2), int)}, r"cell: found shape \(4, 2\); allowed: \(N, d\) with N = 4, d = 1"),
    ({"site_of_orbital": np.full(N, N)}, "site_of_orbital: found 4; allowed: 0 to 3"),
    (
        {"site_of_orbital": np.arange(N)[::-1]},
        "site_of_orbital: found another order; allowed: as many orbitals on every site, in the order of the sites",
    ),
    ({"margin": np.zeros(2)}, r"margin: found shape \(2,\); allowed: \(B\) with B = 6"),
    ({"parameters/mass": np.zeros((B, 2))}, r"parameters/mass: found shape \(6, 2\); allowed: \(B\) with B = 6"),
    ({"proxy/clean_parameters": np.zeros(2)}, r"proxy/clean_parameters: found shape \(2,\); allowed: \(B\) with B = 6"),
    ({"reference/real_space_winding": np.zeros(B, int)}, "reference/real_space_winding: found type int64; allowed: fl"),
]
ATTRIBUTES = [
    ({"area_per_site": GONE}, "attribute area_per_site: found nothing; allowed: a positive number"),
    ({"area_per_site": -1.0}, r"attribute area_per_site: found .*-1\.0.*; allowed: a positive number"),
    ({"midgap_pair": "lost"}, "attribute midgap_pair: found 'lost'; allowed: kept or dropped"),
    ({"task": GONE}, "attribute task: found nothing; allowed: winding or chern"),
    ({"task": "windng"}, "attribute task: found 'windng'; allowed: winding or chern"),
    ({"task": 1}, "attribute task: found .*1.*; allowed: winding or chern"),
    ({"task": np.zeros(3)}, "attribute task: found "),
    ({"name": GONE}, "attribute name: found nothing; allowed: a text"),
    ({"name": 3.0}, "attribute name: found .*3"),
    ({"task": "chern"}, r"positions: found shape \(4, 1\); allowed: .*d = 2"),
]


def changed(table: dict, changes: dict) -> dict:
    return {key: value for key, value in {**table, **changes}.items() if value is not GONE}


def test_the_smallest_dataset_is_one(tmp_path):
    write_arrays(tmp_path / "a.h5", chain_arrays(), CHAIN)
    found = read_dataset(tmp_path / "a.h5", "test")
    assert isinstance(found, Samples)
    assert len(found) == 2
    write_arrays(tmp_path / "a.h5", changed(chain_arrays(), {"sublattice": GONE, "cell": GONE}), CHAIN)
    assert read_dataset(tmp_path / "a.h5").sublattice is None


@pytest.mark.parametrize(("changes", "says"), ARRAYS)
def test_arrays_that_are_no_dataset_are_refused(tmp_path, changes, says):
    write_arrays(tmp_path / "a.h5", changed(chain_arrays(), changes), CHAIN)
    refused(lambda: read_dataset(tmp_path / "a.h5"), rf"a\.h5: {says}")


@pytest.mark.parametrize(("changes", "says"), ATTRIBUTES)
def test_attributes_that_are_no_dataset_are_refused(tmp_path, changes, says):
    write_arrays(tmp_path / "a.h5", chain_arrays(), changed(CHAIN, changes))
    refused(lambda: read_dataset(tmp_path / "a.h5"), rf"a\.h5: {says}")


def test_a_dataset_without_samples_is_refused(tmp_path):
    empty = {name: array[:0] if len(array) == B else array for name, array in chain_arrays().items()}
    write_arrays(tmp_path / "a.h5", empty, CHAIN)
    refused(lambda: read_dataset(tmp_path / "a.h5"), r"a\.h5: found no samples; allowed: at least one")


# --- What is no file of ours ------------------------------------------------------------------------------


def sealed_again(path) -> None:
    """Give a file that was edited the seal of what it holds now."""
    from hashlib import sha256

    content = path.read_bytes()
    path.write_bytes(b"toponn sha256 " + sha256(content[512:]).hexdigest().encode() + bytes(434) + content[512:])


def empty(file, name) -> None:
    """Put an array without data, HDF5's null dataspace, in place of one."""
    del file[name]
    file[name] = h5py.Empty("f8")


@pytest.mark.parametrize("read", [read_arrays, read_dataset, read_csv, read_json])
def test_a_folder_in_place_of_a_file_is_refused(tmp_path, read):
    (tmp_path / "a.h5").mkdir()
    refused(lambda: read(tmp_path / "a.h5"), r"a\.h5: not a readable .*[iI]s a directory")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("read", [read_arrays, read_dataset, read_csv, read_json])
def test_a_file_that_may_not_be_read_is_refused(tmp_path, read):
    (tmp_path / "a.h5").write_text("1")
    (tmp_path / "a.h5").chmod(0)
    refused(lambda: read(tmp_path / "a.h5"), r"a\.h5: not a readable .*Permission denied")


def test_a_file_that_hdf5_wrote_but_not_we_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["label"] = [1]
    refused(lambda: read_dataset(tmp_path / "a.h5"), "not an HDF5 file that toponn wrote; delete it and run again")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda file: file.attrs.pop("schema_version"), "found schema version nothing; allowed: 1"),
        (lambda file: file.attrs.__setitem__("schema_version", "one"), "found schema version one; allowed: 1"),
        (lambda file: file.attrs.__setitem__("schema_version", [1, 1]), r"found schema version \[1 1\]; allowed: 1"),
        (
            lambda file: file.create_dataset("huge", (10**12,), "f8", chunks=(8,)),
            "found arrays of 80.* bytes in a file",
        ),
        (lambda file: empty(file, "label"), r"a\.h5: label: found no data; allowed: an array; delete it and run again"),
        (lambda file: empty(file, "occupied"), r"a\.h5: occupied: found no data; allowed: an array"),
        (lambda file: empty(file, "reference/real_space_winding"), r"reference/real_space_winding: found no data"),
    ],
)
def test_a_sealed_file_of_other_content_is_refused(tmp_path, edit, says):
    path = tmp_path / "a.h5"
    write_arrays(path, chain_arrays(), CHAIN)
    with h5py.File(path, "r+") as file:
        edit(file)
    sealed_again(path)
    refused(lambda: read_arrays(path), says)


def test_a_sealed_file_that_is_no_hdf5_is_refused(tmp_path):
    (tmp_path / "a.h5").write_bytes(bytes(512) + b"nothing of the kind")
    sealed_again(tmp_path / "a.h5")
    refused(lambda: read_arrays(tmp_path / "a.h5"), r"a\.h5: not a readable HDF5 file \(.*\); delete it and run again")


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2\n1,2,3\n", b"\0", b"\xff\xfe\n", b"", b'a\n"'],
    ids=["ragged", "NUL", "bytes", "empty", "open"],
)
def test_a_table_that_is_none_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    refused(
        lambda: read_csv(tmp_path / "t.csv", ["a", "c"]), r"t\.csv: (not a readable table|the table lacks the columns)"
    )


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", b"[" * 10**6, b'{"a": 1} 2', b"1" * 5000])
def test_json_that_is_none_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    refused(
        lambda: read_json(tmp_path / "a.json"), r"a\.json: not a readable JSON file \(.*\); delete it and run again"
    )


# --- Runs -------------------------------------------------------------------------------------------------

SETTINGS = {"model": "coordinate_ring", "width": 3}
DOCUMENT = {
    "task": "chern",
    "dataset": "tiny",
    "variant": "narrow",
    "model": "ring",
    "form": "coordinate",
    "settings": SETTINGS,
    "seeds": [0, 1],
    "shapes": {"coordinates": [9, 2], "loops": [84]},
    "geometry": "",
    "midgap_pair": "kept",
    "flops": [1.0, 1.0],
}


def written(folder, document=DOCUMENT, weights=None, other=None):
    """Write a run, with some of its document and weights changed."""
    document = changed(DOCUMENT, document) if isinstance(document, dict) else document
    model = build_model(Variant.of("narrow", SETTINGS), DOCUMENT["shapes"])
    parameters = model.initial(generators(0, "tiny", "ring", [0, 1]))
    arrays = {name: tensor.numpy() for name, tensor in parameters.items()} | {"head.log_temperature": np.zeros(2)}
    write_arrays(folder / "weights.h5", changed(arrays, weights or {}), {"settings_digest": digest(other or document)})
    (folder / "settings.json").write_text(json.dumps(document))
    return folder


def first_weight() -> str:
    model = build_model(Variant.of("narrow", SETTINGS), DOCUMENT["shapes"])
    return next(iter(model.initial(generators(0, "tiny", "ring", [0]))))


def test_a_run_that_is_one_is_read(tmp_path):
    assert isinstance(load_run(written(tmp_path)), Run)
    assert isinstance(load_run(written(tmp_path, weights={"head.log_temperature": GONE})), Run)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([1], r"settings\.json: found a list; allowed: an object with task, variant, model, "),
        (None, r"settings\.json: found a NoneType; allowed: an object with "),
        ({"settings": GONE}, r"settings\.json: settings: found nothing; allowed: an object"),
        ({"variant": 3}, r"settings\.json: variant: found 3; allowed: a text"),
        ({"shapes": []}, r"settings\.json: shapes: found \[\]; allowed: an object"),
        ({"seeds": 2}, r"settings\.json: seeds: found 2; allowed: a list"),
        ({"seeds": [], "flops": []}, r"settings\.json: found 0 seeds and 0 flops; allowed: "),
        ({"flops": [1.0]}, r"settings\.json: found 2 seeds and 1 flops; allowed: "),
        ({"midgap_pair": GONE}, r"settings\.json: midgap_pair: found nothing; allowed: a text"),
        ({"settings": {**SETTINGS, "model": "rnig"}}, r"settings\.json: settings or shapes make no model \(.*rnig"),
        ({"settings": {**SETTINGS, "depth": 2}}, r"settings\.json: settings or shapes make no model \(.*depth"),
        ({"settings": {**SETTINGS, "training": {"rate": 1}}}, r"settings or shapes make no model \(.*rate"),
        ({"settings": {}}, r"settings\.json: settings or shapes make no model \("),
        ({"settings": {**SETTINGS, "width": "3"}}, r"settings\.json: settings or shapes make no model \("),
        ({"settings": {**SETTINGS, "width": 5}}, r"weights\.h5: .*: found shape \(.*\); allowed: \("),
        ({"shapes": {}}, r"settings\.json: settings or shapes make no model \("),
        ({"shapes": {"coordinates": 9}}, r"settings\.json: settings or shapes make no model \("),
    ],
)
def test_a_run_whose_settings_are_none_is_refused(tmp_path, document, says):
    refused(lambda: load_run(written(tmp_path, document)), says)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({first_weight(): GONE}, r"weights\.h5: found the weights .*; allowed: "),
        ({"another": np.zeros(2)}, r"weights\.h5: found the weights another, .*; allowed: "),
        ({first_weight(): np.zeros((2, 1))}, r"weights\.h5: .*: found shape \(2, 1\); allowed: \(2, "),
        ({first_weight(): np.array([b"a", b"b"])}, r"weights\.h5: .*: found type bytes8; allowed: float numbers"),
        ({"head.log_temperature": np.zeros(3)}, r"log_temperature: found shape \(3,\); allowed: \(2,\)"),
        ({"head.log_temperature": np.zeros(2, complex)}, "log_temperature: found type complex128; allowed: float"),
    ],
)
def test_weights_of_another_model_are_refused(tmp_path, weights, says):
    refused(lambda: load_run(written(tmp_path, weights=weights)), says)


def test_a_run_that_lacks_a_file_or_mixes_two_is_refused(tmp_path):
    written(tmp_path, other={"other": 1})
    refused(lambda: load_run(tmp_path), r"weights\.h5 belongs to other settings than settings\.json; delete both")
    (tmp_path / "weights.h5").unlink()
    refused(lambda: load_run(tmp_path), r"weights\.h5: there is no such file")
    (tmp_path / "settings.json").unlink()
    refused(lambda: load_run(tmp_path), r"settings\.json: there is no such file")
    refused(lambda: load_run(tmp_path / "none"), r"none/settings\.json: there is no such file")


def test_a_checkpoint_that_is_none_is_not_used(tmp_path):
    for attributes in ({}, {"key": "other", "epoch": 1}, {"key": "mine"}):
        write_arrays(tmp_path / "c.h5", {"state/w": np.zeros(2)}, attributes)
        assert load_checkpoint(tmp_path / "c.h5", "mine") is None
    (tmp_path / "c.h5").write_text("none")
    assert load_checkpoint(tmp_path / "c.h5", "mine") is None


# --- Arrays in memory -------------------------------------------------------------------------------------

H = np.kron(np.eye(2), [[0.0, 1.0], [1.0, 0.0]])
SITES = np.arange(4.0)[:, None]


@pytest.mark.parametrize(
    ("hamiltonian", "positions", "more", "says"),
    [
        (
            H + np.triu(np.ones((4, 4)), 1),
            SITES,
            {},
            r"hamiltonian: found \|H - H†\| up to 1\.0e\+00; allowed: Hermitian",
        ),
        (np.full((4, 4), np.nan), SITES, {}, "hamiltonian: found entries that are not finite; allowed: finite numbers"),
        (np.full((4, 4), np.inf), SITES, {}, "hamiltonian: found entries that are not finite"),
        (H[:3], SITES, {}, r"hamiltonian: found shape \(1, 3, 4\); allowed: square matrices"),
        (H[0], SITES, {}, r"hamiltonian: found shape \(4,\); allowed: \(n, n\) or \(B, n, n\), not empty"),
        (H[None, None], SITES, {}, r"hamiltonian: found shape \(1, 1, 4, 4\); allowed: "),
        (np.zeros((0, 4, 4)), SITES, {}, r"hamiltonian: found shape \(0, 4, 4\); allowed: .*, not empty"),
        (np.zeros((0, 0)), SITES, {}, r"hamiltonian: found shape \(0, 0\)"),
        ([[0, 1], [1]], SITES, {}, "hamiltonian: found rows of different lengths"),
        ("H", SITES, {}, "hamiltonian: found type str32; allowed: numbers"),
        (None, SITES, {}, "hamiltonian: found type object; allowed: numbers"),
        (H, SITES[:3], {}, "hamiltonian: found 4 orbitals on 3 sites; allowed: the same number on every site"),
        (H, SITES[:0], {}, r"positions: found shape \(0, 1\); allowed: \(N, d\) or \(B, N, d\), not empty"),
        (H, SITES[:, 0], {}, r"positions: found shape \(4,\); allowed: "),
        (H, np.zeros((4, 3)), {}, r"positions: found shape \(4, 3\); allowed: .* with d = 1 or 2"),
        (H, np.zeros((2, 4, 1)), {}, r"positions: found shape \(2, 4, 1\); allowed: \(N, d\) or \(1, N, d\)"),
        (H, SITES * np.nan, {}, "positions: found entries that are not finite"),
        (H, SITES * 1j, {}, "positions: found type complex128; allowed: real numbers"),
        (H, [["a"]] * 4, {}, "positions: found type str32; allowed: real numbers"),
        (H, SITES, {"sublattice": [0, 1]}, r"sublattice: found shape \(2,\); allowed: \(4,\)"),
        (H, SITES, {"sublattice": list("ABAB")}, "sublattice: found type str32; allowed: whole numbers"),
        (H, SITES, {"cell": np.zeros(4, int)}, r"cell: found shape \(4,\); allowed: \(4, 1\)"),
        (H, SITES, {"cell": np.zeros((4, 1))}, "cell: found type float64; allowed: whole numbers"),
        (H, SITES, {"fermi_level": np.nan}, "fermi_level: found entries that are not finite"),
        (H, SITES, {"fermi_level": [0.0, 0.0]}, r"fermi_level: found shape \(2,\); allowed: \(\) or \(1,\)"),
        (H, SITES, {"fermi_level": "low"}, "fermi_level: found type str96; allowed: real numbers"),
        (H, np.zeros((4, 2)), {"midgap_pair": "dropped"}, "midgap_pair: found 'dropped'; allowed: kept, since only "),
        (H + np.diag([np.inf, -np.inf, 0, 0]), SITES, {}, "hamiltonian: found entries that are not finite"),
        (eye_array(4), SITES, {}, "hamiltonian: found a sparse matrix; allowed: arrays, or toponn"),
        (H, SITES, {"area_per_site": 0.0}, "area_per_site: found 0.0; allowed: a positive number"),
        (H, SITES, {"periods": 3.0}, "periods: found 3.0; allowed: two vectors of two finite numbers, one a row"),
        (H, SITES, {"filled": 5}, "filled: found 5; allowed: a whole number from 0 to 4, or one for each of 1 samples"),
        (H, SITES, {"filled": -1}, "filled: found -1; allowed: a whole number from 0 to 4"),
        (H, SITES, {"filled": [1, 2]}, r"filled: found \[1, 2\]; allowed: a whole number"),
        (H, SITES, {"filled": 1.5}, "filled: found 1.5; allowed: a whole number"),
    ],
)
def test_what_is_no_hamiltonian_on_sites_is_refused(hamiltonian, positions, more, says):
    refused(lambda: Samples.of(hamiltonian, positions, **more), says)


def test_an_unknown_midgap_pair_is_refused():
    says = "midgap_pair: found 'gone'; allowed: kept, dropped"
    refused(lambda: Samples.of(H, SITES, midgap_pair="gone"), says, ConfigError)


@pytest.mark.parametrize("kind", [int, np.float16, np.longdouble, ">f8", bool, "<c8", ">c16"])
def test_numbers_of_any_precision_are_a_hamiltonian(kind):
    states = Samples.of(H.astype(kind), SITES.tolist(), sublattice=[0, 1, 0, 1], fermi_level=0)
    assert states.occupied.shape == (1, 2, 4)


@pytest.mark.parametrize(
    ("inputs", "labels", "says"),
    [
        (
            {"x": (3, 2)},
            torch.zeros(4, dtype=torch.int64),
            r"inputs\.x: found shape \(3, 2\); allowed: 4 samples first",
        ),
        ({"x": ()}, torch.zeros(4, dtype=torch.int64), r"inputs\.x: found shape \(\); allowed: 4 samples first"),
        ({"x": (4, 2)}, torch.zeros(4) * 1j, r"labels: found torch\.complex64 of shape \(4,\); allowed: real numbers"),
        ({"x": (4, 2)}, torch.zeros((4, 1), dtype=torch.int64), r"labels: found torch\.int64 of shape \(4, 1\)"),
        (
            {"coordinates": (3, 9, 2)},
            torch.zeros(4, dtype=torch.int64),
            r"inputs\.coordinates: found shape \(3, 9, 2\)",
        ),
    ],
)
def test_samples_whose_arrays_do_not_agree_are_refused(inputs, labels, says):
    refused(lambda: Batch({name: torch.zeros(shape) for name, shape in inputs.items()}, labels), says)


def nested(depth: int) -> list:
    """Return lists within lists."""
    inner: list = []
    for _ in range(depth):
        inner = [inner]
    return inner


# --- YAML -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 1\n", "y, line 2: found the key a a second time; allowed: each key once"),
        ("a: 1\n'a': 1\n", "y, line 2: found the key a a second time"),
        ("a: {b: [0, {c: 1,\nc: 1}]}", "y, line 2: found the key c a second time"),
        ("a: 010", "y, line 1: found 010, which YAML reads as 8; allowed: the number without zeros before it"),
        ("a: [0,\n1:30]", "y, line 2: found 1:30, which YAML reads as 90; allowed: the number in quotation marks"),
        ("a: 1:30.5", "y, line 1: found 1:30.5, which YAML reads as 90.5"),
        ("a: !!python/name:os.system", r"y, line 1: found no YAML \(could not determine a constructor"),
        ("? [a]\n: 1", r"y, line 1: found no YAML \(found unhashable key\)"),
        ("a: 2024-02-30", r"y: found nothing readable \(day is out of range"),
        ("a: " + "9" * 4301, r"y: found nothing readable \(Exceeds the limit"),
        ("a: 'b", r"y, line 1: found no YAML \(.+\); allowed: YAML, indented by spaces"),
        ("a: b: c", r"y, line 1: found no YAML \(mapping values are not allowed in this context\)"),
        ("a: 1\n---\nb: 2\n", r"y, line 2: found no YAML \(but found another document\)"),
        ("a: \xe9".encode("latin-1"), r"y: found no YAML \("),
        ("3", "y: found a single value; allowed: a table"),
        ("[]", "y: found a list; allowed: a table"),
        ("# a", "y: found nothing; allowed: a table"),
        (None, r"y: found nothing readable \(No such file or directory\)"),
    ],
)
def test_yaml_that_means_another_thing_than_it_says_or_is_none_is_refused(tmp_path, monkeypatch, text, says):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "y").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(lambda: read_yaml("y"), rf"^{says}", ConfigError)


def test_other_yaml_is_read_as_snakemake_reads_it(tmp_path):
    text = "a: {b: [1, 2.5, -1.0e-3, true, ~, 'x', 2024-01-02, 0, 0.5, 0x10, '010'], 'c d': {}}\ne: |\n  two\n  lines\n"
    text += "1.0.0: []\nf: &f {g: 1}\nh: {<<: *f, i: *f}\n"
    (tmp_path / "y").write_text(text)
    assert read_yaml(tmp_path / "y") == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("study", "says"),
    [
        ({"seed": 16**5000}, "seed: found more than a thousand digits; allowed: numbers of up to 19 digits"),
        ({"study": nested(40)}, r"study\[0\]\[0\]: found nesting more than 16 deep; allowed: that of a study"),
        ({"study": [0] * 100_001}, "config: found more than 100000 values; allowed: as many as a study has"),
        ([], r"config: found \[\]; allowed: a table with the keys study, seed, "),
        (None, "config: found nothing; allowed: a table with the keys study, seed, "),
    ],
    ids=["digits", "deep", "many", "list", "nothing"],
)
def test_what_no_schema_could_refuse_is_refused(study, says):
    refused(lambda: read_study(study), says, ConfigError)
