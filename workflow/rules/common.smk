# What the rules share: the checked study, the names of its files, and the code that a script reaches.
import os
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)

# This checkout's library serves the rules and their jobs, whatever copy of it may be installed.
LIBRARY = str(ROOT / "workflow")
sys.path.insert(0, LIBRARY)
os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [LIBRARY, os.environ.get("PYTHONPATH")]))
)

# Snakemake runs scripts by its own interpreter, whose path it does not quote (its issue 2645): a folder may hold a space.
sys.executable = shlex.quote(sys.executable)

from toponn.checks import ConfigError, resolve, row_of
from toponn.codetrace import code_of, member_module
from toponn.config import (
    blocks,
    check,
    datasets_in_use,
    ring_models,
    tested_models,
    tests_of,
    trained_models,
)
from toponn.encodings import ENCODINGS
from toponn.lattices import LATTICES
from toponn.models import MODELS
from toponn.systems import SYSTEMS

try:
    STUDY = check(config)
except ConfigError as error:
    sys.exit(f"config: {error}")

RESULTS = f"results/{STUDY['study']}"
TABLES = f"{RESULTS}/tables"
FIGURES = f"{RESULTS}/figures"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
TASKS = list(STUDY["tasks"])


wildcard_constraints:
    task="|".join(TASKS),
    dataset="|".join(STUDY["datasets"]),
    model="|".join(STUDY["models"]),
    map="|".join(STUDY["maps"]),
    convergence="|".join(STUDY["convergence"]),
    ceiling="|".join(STUDY["ceiling"]),
    block=r"\d+",


# --- Names ----------------------------------------------------------------------------------------------------------


def system_of(recipe):
    """Return the system that an entry of the study names."""
    return resolve(SYSTEMS, recipe["system"], "system")


def task_of(dataset):
    """Return the task that the system of `dataset` belongs to."""
    return system_of(STUDY["datasets"][dataset]).task


def seeds_of(model):
    """Return the seeds of each block of a model."""
    return blocks(STUDY["models"][model]["seeds"], STUDY["block"])


def training_data(wildcards):
    """Return the dataset that the models of a task are trained on."""
    return dataset_file(STUDY["tasks"][wildcards.task]["dataset"])


def dataset_file(dataset):
    """Return the file of a dataset."""
    return f"{RESULTS}/datasets/{dataset}.h5"


def dataset_files(datasets=None):
    """Return the files of these datasets, or of all that the study uses."""
    names = datasets_in_use(STUDY) if datasets is None else datasets
    return [dataset_file(dataset) for dataset in names]


def run_files(name, tasks=TASKS, models=None):
    """Return the file `name` of every block of these models (of all that are trained) of these tasks."""
    return [
        f"{RESULTS}/runs/{STUDY['tasks'][task]['dataset']}/{model}/{block}/{name}"
        for task in tasks
        for model in (models if models is not None else trained_models(STUDY, task))
        for block in range(len(seeds_of(model)))
    ]


def random_rings(task):
    """Return the tensor rings of a task that start at random."""
    return [
        model
        for model in ring_models(STUDY, task)
        if model in tested_models(STUDY, task)
    ]


def first_blocks(name, task):
    """Return the file `name` of the first block of every tensor ring of a task that starts at random."""
    dataset = STUDY["tasks"][task]["dataset"]
    return [
        f"{RESULTS}/runs/{dataset}/{model}/0/{name}" for model in random_rings(task)
    ]


def site_tensor_files(ending):
    """Return the site tensors of every task that has such rings."""
    return [
        f"{RESULTS}/trainability/{task}/site_tensors.{ending}"
        for task in TASKS
        if random_rings(task)
    ]


def evaluation_files(ending):
    """Return the outputs of this ending of every model that is put to the tests."""
    return [
        f"{RESULTS}/generalization/{task}/{model}.{ending}"
        for task in TASKS
        for model in tested_models(STUDY, task)
    ]


def map_files():
    """Return the labelled maps."""
    return [f"{RESULTS}/maps/{name}.h5" for name in STUDY["maps"]]


def label_table_files():
    """Return the tables of the studies of the labels that there are."""
    return [
        f"{TABLES}/{section}.csv"
        for section in ("convergence", "ceiling")
        if STUDY[section]
    ]


def table_files():
    """Return every table."""
    names = (
        "runs",
        "generalization",
        "generalization_summary",
        "trainability",
        "references",
        "claims",
    )
    return [f"{TABLES}/{name}.csv" for name in names] + label_table_files()


def figure_files(*kinds):
    """Return the figures of these kinds, or all, as PDF and PNG."""
    kinds = kinds or (
        "phase_map",
        "convergence",
        "ceiling",
        "learning_curves",
        "success",
        "generalization",
        "site_tensors",
    )
    subjects = {
        "phase_map": STUDY["maps"],
        "convergence": STUDY["convergence"],
        "ceiling": STUDY["ceiling"],
        "site_tensors": [task for task in TASKS if random_rings(task)],
    }
    return [
        f"{FIGURES}/{kind}_{subject}.{ending}"
        for kind in kinds
        for subject in subjects.get(kind, TASKS)
        for ending in ("pdf", "png")
    ]


# --- What captions say ----------------------------------------------------------------------------------------------


def n_seeds(models, n_blocks=None):
    """Return the number of seeds of each model, or of its first blocks alone."""
    return {
        model: sum(len(block) for block in seeds_of(model)[:n_blocks])
        for model in models
    }


def split_sizes(task):
    """Return the number of samples in each split of the dataset that a task is trained on."""
    return dict(STUDY["datasets"][STUDY["tasks"][task]["dataset"]]["samples"])


def test_sizes(task):
    """Return the number of samples of each test of a task."""
    return {
        test: STUDY["datasets"][test]["samples"]["test"]
        for test in tests_of(STUDY, task)
    }


# --- Code -----------------------------------------------------------------------------------------------------------


def member_code(script, row):
    """Return a row of a family's dict, and what its module adds to the code that `script` reaches."""
    return [row, *sorted(set(code_of(member_module(row))) - set(code_of(script)))]


def system_code(script, recipe):
    """Return the code of the system that an entry of the study names, and of the lattice that it lives on."""
    system = row_of(SYSTEMS, recipe["system"], "system")
    lattice = LATTICES[recipe.get("lattice", system_of(recipe).lattices[0])]
    return [*member_code(script, system), *member_code(script, lattice)]


def model_code(script, name):
    """Return the code of a model of the family, and of the encoding that it sees."""
    encoding = ENCODINGS[encoding_of(member_module(MODELS[name]))]
    return [*member_code(script, MODELS[name]), *member_code(script, encoding)]


def encoding_of(module):
    """Return the name that a model's class, or its base, gives as its encoding; importing it would import torch."""
    files = [entry.split()[0] for entry in code_of(module)]
    pattern = re.compile(r'^    encoding = "(\w+)"', re.MULTILINE)
    (name,) = {
        found
        for file in files
        for found in pattern.findall((ROOT / file).read_text(encoding="utf-8"))
    }
    return name
