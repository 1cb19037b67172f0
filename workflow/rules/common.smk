# What the rules share: the checked study, the names of its files, the code that a script reaches, and limits of jobs.
import math
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

from toponn.checks import ConfigError, resolve
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
    block=r"\d+",


# --- Names ----------------------------------------------------------------------------------------------------------


def task_of(dataset):
    """Return the task that the system of `dataset` belongs to."""
    return resolve(SYSTEMS, STUDY["datasets"][dataset]["system"], "system").task


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
    return [f"{TABLES}/{name}.csv" for name in names]


def figure_files(*kinds):
    """Return the figures of these kinds, or all, as PDF and PNG."""
    kinds = kinds or (
        "phase_diagram",
        "learning_curves",
        "success",
        "generalization",
        "site_tensors",
    )
    subjects = {
        "phase_diagram": STUDY["figures"]["phase_diagrams"],
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


def system_code(script, dataset):
    """Return the code of the system that `dataset` is drawn from."""
    return member_code(script, SYSTEMS[STUDY["datasets"][dataset]["system"]])


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


# --- The size of the work, and the limits of a job that follow from it ------------------------------------------------


def n_samples(dataset):
    """Return the number of samples in all splits of a dataset."""
    return sum(STUDY["datasets"][dataset]["samples"].values())


def n_orbitals(dataset):
    """Return an upper bound of the orbitals of a sample: two for each unit of the box around its shape."""
    shape = STUDY["datasets"][dataset]["shape"]
    box = shape.get("size") or [2 * shape["radius"]] * 2
    return 2 * math.ceil(math.prod(box))


def projectors_mb(dataset):
    """Return the size in MB of a dataset's projectors, of 16 bytes an entry."""
    return n_samples(dataset) * n_orbitals(dataset) ** 2 * 16 / 1e6


def dataset_mb(dataset):
    """Return a job's memory in MB: 1 GB of libraries and all projectors twice."""
    return math.ceil(1000 + 2 * projectors_mb(dataset))


def dataset_minutes(dataset):
    """Return a job's time: ten minutes and 20 ns for each sample and cubed row of its localizer, drawn twice."""
    cubes = n_samples(dataset) * (2 * n_orbitals(dataset)) ** 3
    return math.ceil(10 + 2 * cubes * 2e-8 / 60)


def training_mb(dataset, model):
    """Return a job's memory in MB: 2 GB of libraries and network activity, and all projectors four times."""
    return math.ceil(2000 + 4 * projectors_mb(dataset))


def training_minutes(dataset, model):
    """Return a job's time: ten minutes and 0.1 ms for each cell, sample, epoch and seed."""
    epochs = STUDY["models"][model].get("training", {}).get("epochs", 1)
    seeds = min(STUDY["block"], STUDY["models"][model]["seeds"])
    cells = n_orbitals(dataset) / 2
    return math.ceil(10 + cells * n_samples(dataset) * epochs * seeds * 1e-4 / 60)


def evaluation_mb(task):
    """Return a job's memory in MB: 2 GB of libraries and the projectors of the largest test four times."""
    return math.ceil(2000 + 4 * max(map(projectors_mb, tests_of(STUDY, task))))


def evaluation_minutes(task, model):
    """Return a job's time: ten minutes and 0.1 ms for each cell, sample and seed of every test."""
    work = sum(n_samples(test) * n_orbitals(test) / 2 for test in tests_of(STUDY, task))
    return math.ceil(10 + work * STUDY["models"][model]["seeds"] * 1e-4 / 60)
