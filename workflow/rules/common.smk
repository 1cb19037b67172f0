# What the rules share: the checked study, the plan that follows from it, and the code that a script reaches.
import os
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version

os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [LIBRARY, os.environ.get("PYTHONPATH")]))
)

# Snakemake runs scripts by its own interpreter, whose path it does not quote (its issue 2645): a folder may hold a space.
sys.executable = shlex.quote(sys.executable)

from toponn.tools.checks import DataError
from toponn.tools.digests import digest
from toponn.tools.joblog import RUN, whoami
from toponn.tools.provenance import STUDY_DIGEST
from toponn.tools.results_folder import digest_of_files, read_begun
from toponn.figures import FIGURES
from toponn.study.code import Code
from toponn.study.facts import Facts
from toponn.study.limits import Limits
from toponn.study.plan import Plan
from toponn.study.read import in_order, read_study
from toponn.tools.tables import COLUMNS, TABLES
from toponn.data.encodings import ENCODINGS
from toponn.trainability.record import ROLES

RULES = digest_of_files(
    [
        ROOT / "Snakefile",
        *ROOT.glob("workflow/rules/*.smk"),
        *ROOT.glob("workflow/toponn/study/*.py"),
    ]
)

try:
    if workflow.is_main_process:
        BEGUN = {"config": in_order(config, BASE), "code": {}, "rules": RULES}
    else:  # a job on another computer, which goes by what its run has read
        BEGUN = read_begun(Path("results") / str(config.get("study")), RULES)
    STUDY = read_study(BEGUN["config"])
    PLAN = Plan(STUDY)
    FACTS = Facts(PLAN)
    FACTS.check_figures()
except ConfigError as error:
    sys.exit(f"config: {error}")
except DataError as error:
    sys.exit(str(error))

# No parameter, or any change of the study reran all.
os.environ[STUDY_DIGEST] = digest(STUDY.model_dump(mode="json"))
os.environ[RUN] = whoami()

LIMITS, CODE = Limits(PLAN), Code(ROOT, PLAN, BEGUN["code"])
TASKS = list(PLAN.tasks)

# Captions read the words of tables, columns and study from the config, which is no cause to run a job again.
config["columns"] = COLUMNS
config["tables"] = {name: vars(table) for name, table in TABLES.items()}
config["report"] = FACTS.front_page()


pathvars:
    results=PLAN.results,
    tables=PLAN.tables,
    figures=PLAN.figures,
    logs=f"{PLAN.results}/logs",
    benchmarks=f"{PLAN.results}/benchmarks",


wildcard_constraints:
    task="|".join(TASKS),
    dataset="|".join(STUDY.datasets),
    test="|".join(STUDY.datasets),
    variant="|".join(STUDY.models),
    map="|".join(STUDY.maps),
    convergence="|".join(STUDY.convergence),
    ceiling="|".join(STUDY.ceiling),
    interface="|".join(STUDY.interfaces),
    diagnostic="|".join(STUDY.trainability),
    block=r"\d+",


def asks(cost):
    """Return memory and time of a job as resources, more of both when it is tried again.

    Resources are no cause to run a job again, so that they change no result.
    """
    return {
        "mem_mb": lambda w, attempt: attempt * round(cost(w).mb),
        "runtime": lambda w, attempt: attempt * cost(w).minutes,
    }


def plain(entry):
    """Return an entry of the study as plain keywords, which Snakemake compares by their text."""
    return entry.model_dump()


def variant_of(w):
    """Return the name and the entry of a variant; the number of its seeds is another parameter."""
    return {"name": w.variant, "entry": STUDY.models[w.variant].variant.entry()}


def gpus():
    """Return the number of graphics cards that a job of the learning arm asks for; torch itself takes a second to ask."""
    if STUDY.device != "auto":
        return int(STUDY.device == "cuda")
    tool = shutil.which("nvidia-smi")  # which may be there without a card
    if not tool or "cpu" in version("torch"):
        return 0
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True)
    return int(listed.returncode == 0 and listed.stdout.startswith("GPU "))


def columns(*tables):
    """Return the columns of the tables that a job writes: they are no code of its own."""
    return {table: list(TABLES[table].columns) for table in tables}


def unordered(*tables):
    """Return the columns of the tables that a job writes a part of, whose order matters where the parts are joined."""
    return {table: sorted(found) for table, found in columns(*tables).items()}


def reported(path, category, result):
    """Return the path of a table that the report shows."""
    labels = {"result": result, "of": "table"}
    given = {"caption": "../report/tables.rst", "category": category}
    return report(path, subcategory="both tasks", labels=labels, **given)


GPUS = gpus()
SEED, DEVICE = STUDY.seed, STUDY.device
SUCCESS = plain(STUDY.success)


# --- Files that several rules ask for ----------------------------------------------------------------------------------


def home_file(w):
    """Return the dataset that the models of a task are trained on."""
    return PLAN.dataset_files([PLAN.home(w.task)])[0]


def role_files(w, role):
    """Return the datasets in a role that a diagnostic asks for."""
    needs = [need.rstrip("?") for need in PLAN.record(w.diagnostic).needs]
    return PLAN.dataset_files(PLAN.role(w.task, role) if role in needs else [])


def diagnosed_runs(w, name):
    """Return the file `name` of the blocks of the runs that a diagnostic asks for, as many as hold its seeds."""
    if "runs" not in PLAN.record(w.diagnostic).needs:
        return []
    seeds = PLAN.diagnostic_options(w.task, w.diagnostic, w.variant)["seeds"]
    return PLAN.block_files(PLAN.home(w.task), w.variant, name, seeds)


def diagnosed_seeds(w):
    """Return how many seeds of the blocks that a diagnostic reads belong to the study, which may want fewer."""
    wanted = PLAN.n_seeds(w.task, PLAN.home(w.task), w.variant)
    return min(wanted, STUDY.block * len(diagnosed_runs(w, "settings.json")))


def tested_runs(w, name):
    """Return the file `name` of the blocks that hold the seeds of a variant that are put to a test."""
    seeds = LIMITS.test_seeds(w.task, w.variant, w.test)
    return PLAN.block_files(PLAN.home(w.task), w.variant, name, seeds)


def ring_blocks(task, name):
    """Return the file `name` of the first block of every ring of a task that has site tensors."""
    home = PLAN.home(task)
    return [PLAN.run_file(home, variant, 0, name) for variant in PLAN.rings(task)]


def interface_runs(w, name):
    """Return the file `name` of the blocks that hold the seeds of the ring that an interface is looked at with."""
    entry = STUDY.interfaces[w.interface]
    return PLAN.block_files(PLAN.home("chern"), entry.model, name, entry.seeds)


def beyond_run(name):
    """Return the file `name` of the first block of the ring that is evaluated beyond dense matrices."""
    return PLAN.run_file(PLAN.home("chern"), PLAN.beyond.model, 0, name)


def label_files(section):
    """Return the tables of a study of the labels."""
    return [f"{PLAN.results}/{section}/{name}.csv" for name in getattr(STUDY, section)]


def map_files():
    """Return the labelled maps."""
    return [f"{PLAN.results}/maps/{name}.h5" for name in STUDY.maps]


def figure_files(*kinds):
    """Return the figures of these kinds, or all, as PDF and PNG."""
    stems = FACTS.figure_stems(kinds)
    return [f"{PLAN.figures}/{stem}.{end}" for stem in stems for end in ("pdf", "png")]


def pictures(*kinds):
    """Return the figures of these kinds as PNG."""
    return [path for path in figure_files(*kinds) if path.endswith(".png")]


# --- Tables ----------------------------------------------------------------------------------------------------------

JOINED = {
    "runs": (PLAN.run_files("runs.csv", sizes=True), "Training", "runs"),
    "search": (PLAN.search_files(), "Training", "learning rates tried"),
    "convergence": (label_files("convergence"), "Labels", "error against size"),
    "ceiling": (label_files("ceiling"), "Labels", "agreement of estimators"),
    "diagnostics": (
        PLAN.diagnostic_files("csv")
        + PLAN.task_files("overlap.csv", PLAN.with_proxies()),
        "Trainability",
        "diagnostics, every seed",
    ),
    "proxies": (
        PLAN.task_files("proxies.csv", PLAN.with_proxies()),
        "Trainability",
        "invariant or proxy",
    ),
    "interfaces": (
        [f"{PLAN.results}/interfaces/{name}.csv" for name in STUDY.interfaces],
        "Generalization",
        "two phases in one sample",
    ),
}
"""By table the files that are joined, and where and as what the report shows it."""

CLAIM_FIGURES = ("success", "sizes", "superiority", "generalization", "left_out")
CLAIM_FIGURES += ("site_tensors", "interface", "proxies")
ANSWER_FIGURES = ("generalization", "sizes", "proxies", "overlap", *FACTS.diagnosed)
"""The figures that each page refers to."""


def joined(table):
    """Return a table that is joined, if there is anything to join."""
    return [f"{PLAN.tables}/{table}.csv"] if JOINED[table][0] else []


def left_out_tables():
    """Return the tables of the datasets that were left out, if there are any."""
    names = ("left_out", "left_out_summary") if PLAN.left_out_files("csv") else ()
    return [f"{PLAN.tables}/{name}.csv" for name in names]


def beyond_tables():
    """Return the tables of the samples beyond dense matrices, if there are such."""
    names = ("beyond_dense", "beyond_dense_exponents") if PLAN.beyond else ()
    return [f"{PLAN.tables}/{name}.csv" for name in names]


def table_files():
    """Return every table."""
    names = ("generalization", "generalization_summary", "superiority", "trainability")
    names += ("references", "claims")
    found = [f"{PLAN.tables}/{name}.csv" for name in names]
    found += [path for table in JOINED for path in joined(table)]
    return found + left_out_tables() + beyond_tables()


def answer_files():
    """Return the page of answers and its table, where the study has diagnostics and proxy tests."""
    whole = joined("diagnostics") and joined("proxies")
    return (
        [f"{PLAN.results}/answers.html", f"{PLAN.tables}/answers.csv"] if whole else []
    )


# --- Figures ---------------------------------------------------------------------------------------------------------


def drawn(kind, what):
    """Return an input or parameter function of the figures of a kind: `what` of the figure that the wildcards name."""
    found = {figure.subject: figure for figure in FACTS.figures(kind)}
    return lambda w: what(found[w.get("subject", "")])
