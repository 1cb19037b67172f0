# What the rules share: the checked study, the names of its files, and the code that a script reaches.
import functools
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [LIBRARY, os.environ.get("PYTHONPATH")]))
)

# Snakemake runs scripts by its own interpreter, whose path it does not quote (its issue 2645): a folder may hold a space.
PYTHON = sys.executable
sys.executable = shlex.quote(sys.executable)

from toponn.checks import ConfigError, resolve, row_of
from toponn.codetrace import Trace
from toponn.config import check
from toponn.digests import digest
from toponn.encodings import ENCODINGS
from toponn.lattices import LATTICES
from toponn.joblog import REPAIRS, RUN, die_with, whoami
from toponn.models import MODELS, form_of, member_of
from toponn.provenance import STUDY_DIGEST
from toponn.study import (
    NEEDS,
    PLAIN,
    ROLES,
    blocks,
    datasets_in_use,
    diagnosed_models,
    diagnostic_options,
    diagnostics_of,
    honest_tests,
    is_searched,
    kinds_of,
    left_out_parts,
    most_seeds,
    n_trials,
    other_sizes,
    other_tests,
    proxies_of,
    ring_models,
    seeds_of,
    start_of,
    task_datasets,
    tested_models,
    tests_of,
    trained_models,
)
from toponn.systems import SYSTEMS
from toponn.trainability import DIAGNOSTICS

try:
    STUDY = check(config)
except ConfigError as error:
    sys.exit(f"config: {error}")

os.environ[STUDY_DIGEST] = digest(STUDY)  # no parameter, or any change reran all
if workflow.is_main_process and REPAIRS in os.environ:
    die_with(os.environ[RUN])
os.environ[RUN] = whoami()

RESULTS = f"results/{STUDY['study']}"
TABLES = f"{RESULTS}/tables"
FIGURES = f"{RESULTS}/figures"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
TASKS = list(STUDY["tasks"])
INTERFACES = STUDY["interfaces"] if "chern" in TASKS else {}

# Figures of the diagnostics, and which of them each shows.
CURVES = {
    "rates": ("learning_rates", "scales"),
    "sample_sizes": ("sample_sizes",),
    "gradients": ("gradients",),
    "basin": ("basin",),
    "pruning": ("pruning", "ablation"),
}
SPECTRA = ("hessian", "kernel")
DIAGNOSTIC_FIGURES = CURVES | {
    kind: (kind,) for kind in (*SPECTRA, "landscape", "remedies")
}
DIAGNOSTIC_FIGURES["decoupling"] = ("clean",)
CURVE_LABELS = {
    "rates": "success against learning rate and scale",
    "sample_sizes": "accuracy against training samples",
    "gradients": "gradients at the start against size",
    "basin": "basin of attraction",
    "pruning": "pruned weights and removed sites",
}


wildcard_constraints:
    task="|".join(TASKS),
    dataset="|".join(STUDY["datasets"]),
    model="|".join(STUDY["models"]),
    map="|".join(STUDY["maps"]),
    convergence="|".join(STUDY["convergence"]),
    ceiling="|".join(STUDY["ceiling"]),
    interface="|".join(INTERFACES),
    diagnostic="|".join(DIAGNOSTICS),
    curve="|".join(CURVES),
    spectrum="|".join(SPECTRA),
    block=r"\d+",


# --- Names ----------------------------------------------------------------------------------------------------------


def system_of(recipe):
    """Return the system that an entry of the study names."""
    return resolve(SYSTEMS, recipe["system"], "system")


def task_of(dataset):
    """Return the task that the system of `dataset` belongs to."""
    return system_of(STUDY["datasets"][dataset]).task


def seed_blocks(dataset, model):
    """Return the seeds of each block of a model on a dataset."""
    return blocks(seeds_of(STUDY, task_of(dataset), dataset, model), STUDY["block"])


def training_data(wildcards):
    """Return the dataset that the models of a task are trained on."""
    return dataset_file(STUDY["tasks"][wildcards.task]["dataset"])


def training_recipe(wildcards):
    """Return the entry of the dataset that the models of a task are trained on."""
    return STUDY["datasets"][STUDY["tasks"][wildcards.task]["dataset"]]


def dataset_file(dataset):
    """Return the file of a dataset."""
    return f"{RESULTS}/datasets/{dataset}.h5"


def dataset_files(datasets=None):
    """Return the files of these datasets, or of all that the study uses."""
    names = datasets_in_use(STUDY) if datasets is None else datasets
    return [dataset_file(dataset) for dataset in names]


def run_files(name, tasks=TASKS, models=None, sizes=False):
    """Return the file `name` of every block of these models (of all that are trained) of these tasks.

    With `sizes` also of the models that are trained on datasets of other sizes.
    """
    trained = [
        (STUDY["tasks"][task]["dataset"], model)
        for task in tasks
        for model in (models if models is not None else trained_models(STUDY, task))
    ]
    if sizes:
        trained += [
            (dataset, model)
            for task in tasks
            for dataset, those in other_sizes(STUDY, task).items()
            for model in those
        ]
    return [
        f"{RESULTS}/runs/{dataset}/{model}/{block}/{name}"
        for dataset, model in trained
        for block in range(len(seed_blocks(dataset, model)))
    ]


def search_files(tasks=TASKS, models=None):
    """Return the searches for the learning rates of these models (of all that are trained) of these tasks."""
    return [
        f"{RESULTS}/search/{task}/{model}.csv"
        for task in tasks
        for model in (models if models is not None else trained_models(STUDY, task))
        if is_searched(STUDY["models"][model])
    ]


def training_settings(model):
    """Return what a model is trained with: its entry in the study without the number of its seeds."""
    settings = STUDY["models"][model]
    return {key: value for key, value in settings.items() if key != "seeds"}


def gpus():
    """Return the number of graphics cards that a job of the learning arm asks for."""
    found = STUDY["device"] == "auto" and has_card()
    return 1 if STUDY["device"] == "cuda" or found else 0


@functools.cache
def has_card():
    """Return whether there is a graphics card that torch can use; asking torch itself takes a second of each start."""
    tool = shutil.which("nvidia-smi")  # which may be there without a card
    if not tool or "cpu" in version("torch"):
        return False
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True)
    return listed.returncode == 0 and listed.stdout.startswith("GPU ")


def random_rings(task):
    """Return the tensor rings of a task with diagonal site tensors that start at random."""
    return [
        model
        for model in ring_models(STUDY, task)
        if model in tested_models(STUDY, task)
        and member_of(STUDY["models"][model]) == "ring"
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


def diagnostic_files(ending, tasks=TASKS, diagnostics=DIAGNOSTICS):
    """Return the outputs of this ending of these diagnostics, for every model that each applies to."""
    return [
        f"{RESULTS}/trainability/{task}/{diagnostic}/{model}.{ending}"
        for task in tasks
        for diagnostic in diagnostics_of(STUDY, task)
        if diagnostic in diagnostics
        for model in diagnosed_models(STUDY, task, diagnostic)
    ]


def role_files(wildcards, role):
    """Return the datasets in a role that a diagnostic asks for."""
    asked = role in NEEDS[wildcards.diagnostic]
    names = task_datasets(STUDY, wildcards.task, role) if asked else []
    return dataset_files(names)


def diagnosed_runs(wildcards, name):
    """Return the file `name` of the blocks of the runs that a diagnostic asks for, as many as hold its seeds."""
    if "runs" not in NEEDS[wildcards.diagnostic]:
        return []
    seeds = options_of(wildcards)["seeds"]
    files = run_files(name, [wildcards.task], [wildcards.model])
    return files[: len(blocks(seeds, STUDY["block"]))]


def options_of(wildcards):
    """Return the options of a diagnostic for a model."""
    where = wildcards.task, wildcards.diagnostic, wildcards.model
    return diagnostic_options(STUDY, *where)


def proxy_files(name):
    """Return the file `name` of the proxy tests of every task that has some."""
    tasks = [task for task in TASKS if proxies_of(STUDY, task)]
    return [f"{RESULTS}/trainability/{task}/{name}.csv" for task in tasks]


def evaluation_files(ending, tasks=TASKS):
    """Return the outputs of this ending of every model that is put to the tests."""
    return [
        f"{RESULTS}/generalization/{task}/{model}.{ending}"
        for task in tasks
        for model in tested_models(STUDY, task)
    ]


def others(task, dataset):
    """Return the datasets that a model is trained on where `dataset` is left out."""
    return [d for d in left_out_parts(STUDY, task)["datasets"] if d != dataset]


def left_out_runs(task, model, name):
    """Return the file `name` of the runs of a model for every dataset that is left out."""
    return [
        f"{RESULTS}/left_out/{task}/{dataset}/{model}/{name}"
        for dataset in left_out_parts(STUDY, task)["datasets"]
    ]


def left_out_files(ending):
    """Return the outputs of this ending of every model that is tested on datasets that were left out."""
    return [
        f"{RESULTS}/left_out/{task}/{model}.{ending}"
        for task in TASKS
        for model in left_out_parts(STUDY, task)["models"]
    ]


def left_out_tables():
    """Return the tables of the datasets that were left out, if there are any."""
    names = ("left_out", "left_out_summary") if left_out_files("csv") else ()
    return [f"{TABLES}/{name}.csv" for name in names]


def map_files():
    """Return the labelled maps."""
    return [f"{RESULTS}/maps/{name}.h5" for name in STUDY["maps"]]


def interface_runs(wildcards, name):
    """Return the file `name` of the blocks that hold the seeds of the ring that an interface is looked at with."""
    entry = INTERFACES[wildcards.interface]
    files = run_files(name, ["chern"], [entry["model"]])
    return files[: len(blocks(entry["seeds"], STUDY["block"]))]


def interface_tables():
    """Return the table of the samples with two phases, if there are any."""
    return [f"{TABLES}/interfaces.csv"] if INTERFACES else []


def label_table_files():
    """Return the tables of the studies of the labels that there are."""
    return [
        f"{TABLES}/{section}.csv"
        for section in ("convergence", "ceiling")
        if STUDY[section]
    ]


def search_table_file():
    """Return the table of the searches for learning rates, if there are any."""
    return [f"{TABLES}/search.csv"] if search_files() else []


def table_files():
    """Return every table."""
    names = (
        "runs",
        "generalization",
        "generalization_summary",
        "superiority",
        "trainability",
        "references",
        "route_costs",
        "route_exponents",
        "claims",
    )
    tables = [f"{TABLES}/{name}.csv" for name in names]
    tables += search_table_file() + label_table_files() + diagnostic_tables()
    return tables + left_out_tables() + interface_tables() + beyond_tables()


def beyond_recipe():
    """Return the entry of the samples beyond dense matrices; without samples, or the task chern, it is empty."""
    recipe = STUDY.get("beyond_dense", {})
    return recipe if recipe.get("samples") and "chern" in TASKS else {}


def beyond_run(name):
    """Return the file `name` of the first block of the ring that is evaluated beyond dense matrices."""
    dataset = STUDY["tasks"]["chern"]["dataset"]
    return f"{RESULTS}/runs/{dataset}/{beyond_recipe()['model']}/0/{name}"


def beyond_code(script):
    """Return the code of the systems that are evaluated beyond dense matrices."""
    samples = beyond_recipe()["samples"].values()
    return sorted(
        {entry for recipe in samples for entry in system_code(script, recipe)}
    )


def beyond_tables():
    """Return the tables of the samples beyond dense matrices, if there are such."""
    names = ("beyond_dense", "beyond_dense_exponents") if beyond_recipe() else ()
    return [f"{TABLES}/{name}.csv" for name in names]


def answer_files():
    """Return the page of answers and its table, where the study has diagnostics and proxy tests."""
    whole = len(diagnostic_tables()) == 2
    return [f"{RESULTS}/answers.html", f"{TABLES}/answers.csv"] if whole else []


def answer_figures():
    """Return the figures that the answers refer to."""
    kinds = ("generalization", "sizes", "proxies", "overlap", *DIAGNOSTIC_FIGURES)
    return figure_files(*kinds)


def claim_figures():
    """Return the figures that the claims refer to."""
    kinds = ("success", "sizes", "superiority", "generalization", "left_out")
    return figure_files(*kinds, "site_tensors", "interface", "proxies")


def diagnostic_tables():
    """Return the tables of diagnostics and of proxy tests that there are."""
    found = {"diagnostics": diagnostic_files("csv"), "proxies": proxy_files("proxies")}
    return [f"{TABLES}/{name}.csv" for name, files in found.items() if files]


def has_rivals(task):
    """Return whether a task tests the hybrid, its coordinate ring, beside a plain network."""
    tested = [STUDY["models"][model] for model in tested_models(STUDY, task)]
    hybrid = any(form_of(settings) == "coordinate" for settings in tested)
    return hybrid and any(settings["model"] in PLAIN for settings in tested)


def tasks_with(*diagnostics):
    """Return the tasks in which each of these diagnostics applies to some model."""
    return [
        task for task in TASKS if set(diagnostics) <= set(diagnostics_of(STUDY, task))
    ]


def figure_files(*kinds):
    """Return the figures of these kinds, or all, as PDF and PNG."""
    kinds = kinds or (
        "phase_map",
        "convergence",
        "ceiling",
        "learning_curves",
        "success",
        "sizes",
        "route_costs",
        "generalization",
        "left_out",
        "superiority",
        "transfer",
        "interface",
        "beyond_dense",
        "site_tensors",
        *DIAGNOSTIC_FIGURES,
        "proxies",
        "overlap",
    )
    subjects = {
        "phase_map": STUDY["maps"],
        "convergence": STUDY["convergence"],
        "ceiling": STUDY["ceiling"],
        "interface": INTERFACES,
        "sizes": [task for task in TASKS if other_sizes(STUDY, task)],
        "route_costs": [""],
        "left_out": [task for task in TASKS if left_out_parts(STUDY, task)["models"]],
        "superiority": [task for task in TASKS if has_rivals(task)],
        "transfer": [
            task for task in TASKS if STUDY["tasks"][task]["tests"].get("sizes")
        ],
        "beyond_dense": [""] if beyond_recipe() else [],
        "site_tensors": [task for task in TASKS if random_rings(task)],
        "proxies": [task for task in TASKS if proxies_of(STUDY, task)],
        "overlap": [task for task in TASKS if proxies_of(STUDY, task)],
        **{kind: tasks_with(*needs) for kind, needs in DIAGNOSTIC_FIGURES.items()},
    }
    stems = [
        f"{kind}_{subject}" if subject else kind
        for kind in kinds
        for subject in subjects.get(kind, TASKS)
    ]
    return [f"{FIGURES}/{stem}.{ending}" for stem in stems for ending in ("pdf", "png")]


# --- What captions say ----------------------------------------------------------------------------------------------


def n_seeds(models, n_blocks=None):
    """Return the number of seeds of each model, or of its first blocks alone."""
    block = STUDY["block"]
    return {
        model: sum(map(len, blocks(STUDY["models"][model]["seeds"], block)[:n_blocks]))
        for model in models
    }


def diagnosed_seeds(task, diagnostics):
    """Return the number of seeds of each model that some of these diagnostics look at, the largest where they differ."""
    models = STUDY["tasks"][task].get("diagnosed", {"models": []})["models"]
    found = {
        model: [
            diagnostic_options(STUDY, task, diagnostic, model)["seeds"]
            for diagnostic in diagnostics
            if model in diagnosed_models(STUDY, task, diagnostic)
        ]
        for model in models
    }
    return {model: max(seeds) for model, seeds in found.items() if seeds}


def diagnostic_settings(diagnostics):
    """Return the options of these diagnostics other than their seeds."""
    return {
        key: value
        for diagnostic in diagnostics
        for key, value in STUDY["trainability"][diagnostic].items()
        if key != "seeds"
    }


def sized_forms(task):
    """Return (model, form, start) of the models that a task trains at several sizes."""
    entries = [STUDY["models"][m] for m in STUDY["tasks"][task]["sizes"]["models"]]
    return [[entry["model"], form_of(entry), start_of(entry)] for entry in entries]


def split_sizes(task):
    """Return the number of samples in each split of the dataset that a task is trained on."""
    return dict(STUDY["datasets"][STUDY["tasks"][task]["dataset"]]["samples"])


def test_sizes(task):
    """Return the number of samples of each test of a task."""
    return {
        test: STUDY["datasets"][test]["samples"]["test"]
        for test in tests_of(STUDY, task)
    }


def transfer_sizes(task):
    """Return the number of cells or sites of the training dataset and of the tests that differ from it in size alone."""
    parts = STUDY["tasks"][task]
    tests = [parts["dataset"], *parts["tests"].get("sizes", [])]
    return {test: math.prod(STUDY["datasets"][test]["shape"]["size"]) for test in tests}


# --- Code -----------------------------------------------------------------------------------------------------------


TRACE = Trace(ROOT)
code_of = functools.cache(TRACE.code_of)  # jobs ask for the same files again and again


@functools.cache
def member_code(script, row):
    """Return a row of a family's dict, and what its module adds to the code that `script` reaches."""
    return [row, *sorted(set(code_of(TRACE.member_module(row))) - set(code_of(script)))]


def system_code(script, recipe):
    """Return the code of the system that an entry of the study names, and of the lattice that it lives on."""
    system = row_of(SYSTEMS, recipe["system"], "system")
    lattice = LATTICES[recipe.get("lattice", system_of(recipe).lattices[0])]
    return [*member_code(script, system), *member_code(script, lattice)]


def model_code(script, name):
    """Return the code of a model of the family, and of the encodings that it can be shown."""
    row = MODELS[name]
    members = [
        row,
        *(ENCODINGS[name] for name in encodings_of(TRACE.member_module(row))),
    ]
    return [entry for member in members for entry in member_code(script, member)]


def trained_code(script, model):
    """Return the code of a model of the study."""
    return model_code(script, member_of(STUDY["models"][model]))


def encodings_of(module):
    """Return the names that a model's class, or its base, gives as its encodings; importing it would import torch."""
    files = [entry.split()[0] for entry in code_of(module)]
    pattern = re.compile(r"^    encodings(?:: ClassVar)? = \((.+)\)", re.MULTILINE)
    (names,) = {
        found
        for file in files
        for found in pattern.findall((ROOT / file).read_text(encoding="utf-8"))
    }
    return re.findall(r'"(\w+)"', names)
