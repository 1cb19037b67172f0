# Limits: the size of the work of each job, and the memory and time that follow from it.
import math

from toponn.shapes import shape_of


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


def dataset_minutes(dataset):
    """Return a job's time: ten minutes and 20 ns for each sample and cubed row of its localizer, drawn twice."""
    cubes = n_samples(dataset) * (2 * n_orbitals(dataset)) ** 3
    return math.ceil(10 + 2 * cubes * 2e-8 / 60)


def batch_mb(orbitals):
    """Return the size in MB of the localizers that are solved at once: 17 MB, or two of them."""
    return max(17, 2 * (2 * orbitals) ** 2 * 16 / 1e6)


def map_mb(name):
    """Return a job's memory in MB: 1 GB of libraries and ten times the localizers solved at once."""
    return math.ceil(1000 + 10 * batch_mb(n_orbitals_of(STUDY["maps"][name])))


def map_minutes(name):
    """Return a job's time: ten minutes and 20 ns for each sample and cubed row of its localizer."""
    recipe = STUDY["maps"][name]
    count = math.prod(recipe["cells"]) * recipe["samples"]
    return math.ceil(10 + count * (2 * n_orbitals_of(recipe)) ** 3 * 2e-8 / 60)


def sizes_mb(recipe):
    """Return a job's memory in MB: 1 GB of libraries, and ten times the matrices of the largest samples at once.

    Those with open ends are solved batch by batch, those on a torus all together.
    """
    orbitals = n_orbitals_at(recipe, max(recipe["lengths"]))
    together = recipe["samples"] * orbitals**2 * 16 / 1e6 if "points" in recipe else 0
    return math.ceil(1000 + 10 * max(batch_mb(orbitals), together))


def sizes_minutes(recipe):
    """Return a job's time: ten minutes and 50 ns for each sample and its cubed number of orbitals."""
    cubes = sum(n_orbitals_at(recipe, length) ** 3 for length in recipe["lengths"])
    rounds = len(recipe["points" if "points" in recipe else "strengths"])
    return math.ceil(10 + rounds * recipe["samples"] * cubes * 5e-8 / 60)


def training_mb(dataset, model):
    """Return a job's memory in MB: 2 GB of libraries and network activity, and all projectors four times."""
    return math.ceil(2000 + 4 * projectors_mb(dataset))


def block_seeds(model):
    """Return the number of seeds in the first block of a model."""
    return min(STUDY["block"], STUDY["models"][model]["seeds"])


def training_minutes(dataset, model):
    """Return a job's time: ten minutes and 0.1 ms for each cell, sample, epoch and seed."""
    epochs = STUDY["models"][model].get("training", {}).get("epochs", 1)
    seeds = block_seeds(model)
    cells = n_orbitals(dataset) / 2
    return math.ceil(10 + cells * n_samples(dataset) * epochs * seeds * 1e-4 / 60)


def search_minutes(task, model):
    """Return a job's time: that of training, for the seeds of all trials."""
    share = (
        n_trials(STUDY["models"][model]) * STUDY["search"]["seeds"] / block_seeds(model)
    )
    return math.ceil(
        10 + share * training_minutes(STUDY["tasks"][task]["dataset"], model)
    )


def diagnostic_data(task, diagnostic):
    """Return the datasets that a diagnostic looks at."""
    roles = ("home", *(role for role in NEEDS[diagnostic] if role in ROLES))
    return [name for role in roles for name in task_datasets(STUDY, task, role)]


def diagnostic_mb(task, diagnostic):
    """Return a job's memory in MB: that of training on the largest dataset that it looks at."""
    return max(
        training_mb(dataset, "") for dataset in diagnostic_data(task, diagnostic)
    )


def trainings_of(task, diagnostic):
    """Return how many trainings of the task's length a diagnostic makes; one that makes none takes as long as one."""
    options = STUDY["trainability"][diagnostic]
    tried = {
        "learning_rates": "factors",
        "scales": "factors",
        "sample_sizes": "samples",
        "basin": "noise",
        "remedies": "ranks",
    }
    count = len(options[tried[diagnostic]]) if diagnostic in tried else 1
    if diagnostic == "basin":
        sizes = diagnostic_data(task, diagnostic)
        return count * sum(n_orbitals(name) for name in sizes) / n_orbitals(sizes[0])
    return count + (4 if diagnostic == "remedies" else 0)


def diagnostic_minutes(task, diagnostic, model):
    """Return a job's time: that of its trainings, for the seeds that it takes."""
    home = STUDY["tasks"][task]["dataset"]
    seeds = diagnostic_options(STUDY, task, diagnostic, model)["seeds"]
    share = trainings_of(task, diagnostic) * seeds / block_seeds(model)
    return math.ceil(10 + share * training_minutes(home, model))


def route_mb():
    """Return a job's memory in MB: 2 GB of libraries and features, and twelve dense projectors of the largest square."""
    orbitals = 2 * max(STUDY["route_costs"]["sides"]) ** 2
    return math.ceil(2000 + 12 * orbitals**2 * 8 / 1e6)


def evaluation_mb(task):
    """Return a job's memory in MB: 2 GB of libraries and the projectors of the largest test four times."""
    tests = tests_of(STUDY, task) + proxies_of(STUDY, task)
    return math.ceil(2000 + 4 * max(map(projectors_mb, tests)))


def expressivity_mb(task):
    """Return a job's memory in MB: 2 GB of libraries and the projectors of the training data eight times."""
    return math.ceil(2000 + 8 * projectors_mb(STUDY["tasks"][task]["dataset"]))


def evaluation_minutes(task, model):
    """Return a job's time: ten minutes and 0.1 ms for each cell, sample and seed of every test."""
    tests = tests_of(STUDY, task) + proxies_of(STUDY, task)
    work = sum(n_samples(test) * n_orbitals(test) / 2 for test in tests)
    return math.ceil(10 + work * STUDY["models"][model]["seeds"] * 1e-4 / 60)
