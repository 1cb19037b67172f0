# Limits: the size of the work of each job, and the memory and time that follow from it. Times to expect were measured on
# one core of a server processor, in the jobs of the default study; what a job may take is four times as much and ten
# minutes. A job that is tried again (retries, in the profiles of clusters) asks for twice, then three times the memory and
# the time: attempt * .... Resources are no cause to run a job again, so that this changes no result.
import math

from toponn.config import has_own_sites
from toponn.shapes import shape_of

START = 5
"""Seconds of a job before its work begins."""

WORK = {
    "ring": {"winding": (1.2e-9, 2), "chern": (2e-11, 3)},
    "wavefunction": {"winding": (1.4e-9, 3)},
    "cnn": {"winding": (2e-7, 1), "chern": (2e-7, 1)},
    "resnet": {"winding": (7e-7, 1), "chern": (1.1e-6, 1)},
    "mlp": {"winding": (1e-7, 1), "chern": (2e-7, 1)},
    "loop_ridge": {"winding": (1e-6, 2), "chern": (2e-9, 3)},
}
"""Seconds for each seed, epoch and sample: a factor, and the power of the number of cells or sites that it goes with."""

OWN_SITES = 6
"""So many times longer a ring takes on samples that have sites, hence weights of the loops, of their own."""


def n_samples(dataset):
    """Return the number of samples in all splits of a dataset."""
    return sum(STUDY["datasets"][dataset]["samples"].values())


def n_orbitals_on(recipe, area):
    """Return an upper bound of the orbitals on so many cells of a chain, of two sites, or on an area of the plane.

    The densest points, those of the Ammann-Beenker tiling, are 1.21 a unit of area.
    """
    system = system_of(recipe)
    sites = 2 * area if system.task == "winding" else 1.25 * area
    return math.ceil(sites * system.n_orbitals)


def n_orbitals_of(recipe):
    """Return an upper bound of the orbitals of a sample of an entry that has a shape; holes count as filled."""
    solid = {key: value for key, value in recipe["shape"].items() if key != "holes"}
    return n_orbitals_on(recipe, shape_of(solid).area)


def n_orbitals_at(recipe, length):
    """Return an upper bound of the orbitals of a segment or square of this length."""
    return n_orbitals_on(
        recipe, length if system_of(recipe).task == "winding" else length**2
    )


def n_orbitals(dataset):
    """Return an upper bound of the orbitals of a sample."""
    return n_orbitals_of(STUDY["datasets"][dataset])


def projectors_mb(dataset):
    """Return the size in MB of a dataset's projectors, of 16 bytes an entry."""
    return n_samples(dataset) * n_orbitals(dataset) ** 2 * 16 / 1e6


def dataset_mb(dataset):
    """Return a job's memory in MB: 1 GB of libraries and all projectors twice."""
    return math.ceil(1000 + 2 * projectors_mb(dataset))


def minutes(seconds):
    """Return the time that a job may take: ten minutes, and four times what is expected of it."""
    return math.ceil(10 + 4 * seconds / 60)


def dataset_seconds(dataset):
    """Return what to expect of a job: 0.15 ns for each sample and cubed row of its localizer."""
    cubes = n_samples(dataset) * (2 * n_orbitals(dataset)) ** 3
    return START + cubes * 1.5e-10


def batch_mb(orbitals):
    """Return the size in MB of the localizers that are solved at once: 17 MB, or two of them."""
    return max(17, 2 * (2 * orbitals) ** 2 * 16 / 1e6)


def map_mb(name):
    """Return a job's memory in MB: 1 GB of libraries and ten times the localizers solved at once."""
    return math.ceil(1000 + 10 * batch_mb(n_orbitals_of(STUDY["maps"][name])))


def map_seconds(name):
    """Return what to expect of a job: 0.06 ns for each sample and cubed row of its localizer."""
    recipe = STUDY["maps"][name]
    count = math.prod(recipe["cells"]) * recipe["samples"]
    return START + count * (2 * n_orbitals_of(recipe)) ** 3 * 6e-11


def sizes_mb(recipe):
    """Return a job's memory in MB: 1 GB of libraries, and ten times the matrices of the largest samples at once.

    Those with open ends are solved batch by batch, those on a torus all together.
    """
    orbitals = n_orbitals_at(recipe, max(recipe["lengths"]))
    together = recipe["samples"] * orbitals**2 * 16 / 1e6 if "points" in recipe else 0
    return math.ceil(1000 + 10 * max(batch_mb(orbitals), together))


def sizes_seconds(recipe):
    """Return what to expect of a job: 0.5 ns for each sample and its cubed number of orbitals."""
    cubes = sum(n_orbitals_at(recipe, length) ** 3 for length in recipe["lengths"])
    rounds = len(recipe["points" if "points" in recipe else "strengths"])
    return START + rounds * recipe["samples"] * cubes * 5e-10


def interface_mb(name):
    """Return a job's memory in MB: 1 GB of libraries and sixteen matrices of the sample."""
    orbitals = n_orbitals_of(INTERFACES[name])
    return math.ceil(1000 + 16 * orbitals**2 * 16 / 1e6)


def interface_seconds(name):
    """Return what to expect of a job: 0.5 ns for each draw, seed and cubed number of orbitals."""
    entry = INTERFACES[name]
    cubes = n_orbitals_of(entry) ** 3 * entry["samples"] * entry["seeds"]
    return START + cubes * 5e-10


def training_mb(dataset, model):
    """Return a job's memory in MB: 2 GB of libraries and network activity, and all projectors four times."""
    return math.ceil(2000 + 4 * projectors_mb(dataset))


def work(dataset, model, samples, epochs, seeds):
    """Return the seconds that so many seeds take to see so many samples of a dataset in each of so many epochs."""
    costs = WORK.get(member_of(STUDY["models"][model]), {})
    factor, power = costs.get(
        task_of(dataset), (1e-6, 1)
    )  # of a model that none was measured for
    return factor * (n_orbitals(dataset) / 2) ** power * samples * epochs * seeds


def trained_seconds(dataset, model, seeds):
    """Return what to expect of one training of so many seeds, without the start of the job."""
    sizes = STUDY["datasets"][dataset]["samples"]
    epochs = STUDY["models"][model].get("training", {}).get("epochs", 1)
    return work(dataset, model, sizes["train"] + sizes["validation"], epochs, seeds)


def training_seconds(dataset, model, block):
    """Return what to expect of a job: the training of a block of seeds."""
    return START + trained_seconds(
        dataset, model, len(seed_blocks(dataset, model)[block])
    )


def search_seconds(task, model):
    """Return what to expect of a job: the training of the seeds of all trials."""
    seeds = n_trials(STUDY["models"][model]) * STUDY["search"]["seeds"]
    return START + trained_seconds(STUDY["tasks"][task]["dataset"], model, seeds)


def evaluation_mb(task):
    """Return a job's memory in MB: 2 GB of libraries and the projectors of the largest test four times."""
    return math.ceil(2000 + 4 * max(map(projectors_mb, tests_of(STUDY, task))))


def evaluation_seconds(task, model):
    """Return what to expect of a job: one look of every seed at each sample of every test."""
    seeds, most = STUDY["models"][model]["seeds"], most_seeds(STUDY, task)
    return START + sum(
        work(t, model, count, 1, min(seeds, most.get(t, seeds)))
        for t, count in test_sizes(task).items()
    )


def left_out_mb(task):
    """Return a job's memory in MB: 2 GB of libraries and activity, and the projectors of all datasets twice."""
    datasets = left_out_parts(STUDY, task)["datasets"]
    return math.ceil(2000 + 2 * sum(map(projectors_mb, datasets)))


def left_out_seconds(task, dataset, model):
    """Return what to expect of a job: the training of all seeds on the other datasets together."""
    seeds = left_out_parts(STUDY, task)["seeds"]
    return START + sum(
        trained_seconds(other, model, seeds)
        * (OWN_SITES if has_own_sites(STUDY["datasets"][other]) else 1)
        for other in others(task, dataset)
    )


def left_out_tests_seconds(task, model):
    """Return what to expect of a job: 2 ms for each test sample and dataset that is left out."""
    datasets = left_out_parts(STUDY, task)["datasets"]
    tests = sum(STUDY["datasets"][name]["samples"]["test"] for name in datasets)
    return START + 2e-3 * tests * len(datasets)


def diagnostic_data(task, diagnostic):
    """Return the datasets that a diagnostic looks at."""
    roles = ("home", *(role for role in NEEDS[diagnostic] if role in ROLES))
    return [name for role in roles for name in task_datasets(STUDY, task, role)]


def diagnostic_mb(task, diagnostic):
    """Return a job's memory in MB: that of training on the largest dataset that it looks at."""
    return max(
        training_mb(dataset, "") for dataset in diagnostic_data(task, diagnostic)
    )


TRIED = {
    "learning_rates": "factors",
    "scales": "factors",
    "sample_sizes": "samples",
    "basin": "noise",
    "remedies": "ranks",
}
"""The option of a diagnostic that says how often it trains."""


def diagnostic_seconds(task, diagnostic, model):
    """Return what to expect of a job: as many trainings as its options say, or a third of one where it makes none."""
    options = diagnostic_options(STUDY, task, diagnostic, model)
    count = {"clean": 1}.get(diagnostic, 0.3)
    if diagnostic in TRIED:
        count = len(options[TRIED[diagnostic]])
    home = STUDY["tasks"][task]["dataset"]
    trained = diagnostic_data(task, "basin") if diagnostic == "basin" else [home]
    count += 4 if diagnostic == "remedies" else 0
    return 2 * START + count * sum(
        trained_seconds(dataset, model, options["seeds"]) for dataset in trained
    )


def route_mb():
    """Return a job's memory in MB: 2 GB of libraries and features, and twelve dense projectors of the largest square."""
    orbitals = 2 * max(STUDY["route_costs"]["sides"]) ** 2
    return math.ceil(2000 + 12 * orbitals**2 * 8 / 1e6)


def beyond_orbitals():
    """Return the orbitals of each sample beyond dense matrices."""
    recipe = beyond_recipe()
    return [
        n_orbitals_at(sample, side)
        for sample in recipe["samples"].values()
        for side in recipe["sides"]
    ]


def beyond_mb():
    """Return a job's memory in MB: 1 GB of libraries and of dense matrices of 1,152 orbitals, and 12 kB an orbital.

    These are the factors of H and of localizers, states of the edge and a block of vectors.
    """
    return math.ceil(1000 + 0.012 * max(beyond_orbitals()))


def beyond_seconds():
    """Return what to expect of a job: 12 ns for each orbital, column of vectors and product with H, 350 of them.

    An orbital takes another 0.35 ms where the projector is prepared. Dense matrices of up to 1,152 orbitals and
    localizers of 64² sites take three seconds a sample.
    """
    recipe = beyond_recipe()
    if not recipe:
        return 0
    columns = recipe["vectors"] * (1 + 2 * recipe["seeds"])
    work = sum(1.2e-8 * 350 * columns * n + 3.5e-4 * n for n in beyond_orbitals())
    return START + work + 3 * len(beyond_orbitals())


def expressivity_mb(task):
    """Return a job's memory in MB: 2 GB of libraries and the projectors of the training data eight times."""
    return math.ceil(2000 + 8 * projectors_mb(STUDY["tasks"][task]["dataset"]))


def expected_hours():
    """Return the core-hours to expect of the whole study from nothing: of its datasets, trainings, tests and diagnostics."""
    seconds = sum(map(dataset_seconds, datasets_in_use(STUDY)))
    for task in TASKS:
        home = STUDY["tasks"][task]["dataset"]
        trained = [(home, model) for model in trained_models(STUDY, task)]
        trained += [
            (d, m) for d, models in other_sizes(STUDY, task).items() for m in models
        ]
        seconds += sum(
            training_seconds(dataset, model, block)
            for dataset, model in trained
            for block in range(len(seed_blocks(dataset, model)))
        )
        seconds += sum(
            search_seconds(task, model)
            for model in trained_models(STUDY, task)
            if is_searched(STUDY["models"][model])
        )
        seconds += sum(
            evaluation_seconds(task, model) for model in tested_models(STUDY, task)
        )
        left_out = left_out_parts(STUDY, task)
        seconds += sum(
            left_out_seconds(task, dataset, model)
            for dataset in left_out["datasets"]
            for model in left_out["models"]
        )
        seconds += sum(
            left_out_tests_seconds(task, model) for model in left_out["models"]
        )
        seconds += sum(
            diagnostic_seconds(task, diagnostic, model)
            for diagnostic in diagnostics_of(STUDY, task)
            for model in diagnosed_models(STUDY, task, diagnostic)
        )
    labels = sum(map_seconds(name) for name in STUDY["maps"])
    labels += sum(
        sizes_seconds(recipe)
        for section in ("convergence", "ceiling")
        for recipe in STUDY[section].values()
    )
    seconds += sum(map(interface_seconds, INTERFACES)) + beyond_seconds()
    return (seconds + labels) / 3600
