# Before the first job of a call: this run alone works on the study, and what was damaged or lost is made again first.
from snakemake.cli import get_argument_parser

from toponn.tools.checks import DataError
from toponn.tools.results_folder import (
    Busy,
    damaged,
    forget_dead_runs,
    hold,
    lost,
    set_aside,
    unrecorded,
    without_targets,
)

LOOKS_ONLY = (
    "dryrun touch unlock summary detailed_summary lint list_rules list_target_rules list_changes list_input_changes "
    "list_params_changes list_untracked list_conda_envs report dag rulegraph filegraph d3dag archive cleanup_metadata "
    "cleanup_shadow containerize delete_all_output delete_temp_output generate_unit_tests print_compilation"
).split()
SNAKEMAKE = Path(".snakemake")
LEVELS = {"datasets": 1, "maps": 1, "labels": 1, "search": 2, "training": 3, "runs": 3}


def long_work():
    """Return the files that took long to make and that others are made from, in lists of what does not follow from another."""
    endings = ("weights.h5", "settings.json", "history.csv", "runs.csv")
    runs = [f for name in endings for f in PLAN.run_files(name, sizes=True)]
    runs += [
        f
        for name in endings
        for task in TASKS
        for variant in PLAN.left_out(task)[1]
        for f in PLAN.left_out_runs(task, variant, name)
    ]
    last = [
        f"{PLAN.results}/interfaces/{name}.{end}"
        for name in STUDY.interfaces
        for end in ("csv", "h5")
    ]
    for ending in ("csv", "h5"):
        last += PLAN.evaluation_files(ending) + PLAN.diagnostic_files(ending)
        last += PLAN.left_out_files(ending)
    return [PLAN.dataset_files() + map_files(), PLAN.search_files(), runs, last]


def begin(asked):
    """Take the study for this run, or stop; make again what is damaged or lost, and nothing that was made from it.

    A file that comes out as it was changes nothing for the files after it, which the next look sees by its content,
    whereas Snakemake would make them again in the call that makes the file.
    """
    try:
        held, before = hold(Path(PLAN.results))
        forget_dead_runs(Path(PLAN.results), SNAKEMAKE, before)
        for path, fault in damaged(Path(PLAN.results)):
            kept = set_aside(path).name
            print(f"{fault.split(';')[0]}; kept as {kept}", file=sys.stderr)
    except (Busy, DataError) as error:
        sys.exit(str(error))
    work, options = long_work(), without_targets(sys.argv[1:], asked.targets)
    if not (asked.force or asked.forceall or asked.forcerun):
        for files in work[: levels(asked.targets)]:
            repair(lost(files, SNAKEMAKE), options)
    strays = unrecorded([file for files in work for file in files], SNAKEMAKE)
    if strays:
        print(
            f"{len(strays)} files, the first {strays[0]}, have no record of how they were made, like those of cluster "
            "jobs that outlive their snakemake: they are used as they are, and a change of config or code does not make "
            "them again; delete those that are in doubt",
            file=sys.stderr,
        )
    return held


def levels(targets):
    """Return how many lists of long work the targets of a call can need, by stage or by the folder of a file."""
    first = [
        target.removeprefix(f"{PLAN.results}/").split("/")[0] for target in targets
    ]
    return max((LEVELS.get(name, 4) for name in first), default=4)


def repair(needed, options):
    """Make lost files again; what fails is left to the call itself, which says so and does all else."""
    if not needed:
        return
    print(f"Making again first: {', '.join(needed)}", file=sys.stderr)
    command = [PYTHON, "-m", "snakemake", *needed, *options]
    with subprocess.Popen(command, env={**os.environ, REPAIRS: "1"}) as process:
        try:
            process.wait()
        except KeyboardInterrupt:
            process.wait()  # it was told too, and may have to cancel jobs of a cluster
            sys.exit(1)


if (
    workflow.is_main_process
    and REPAIRS not in os.environ
    and "snakemake" in sys.argv[0]
):
    ASKED = get_argument_parser().parse_known_args(sys.argv[1:])[0]
    if not any(getattr(ASKED, name, None) for name in LOOKS_ONLY):
        HELD = begin(ASKED)  # a name, so that it is held to the end
