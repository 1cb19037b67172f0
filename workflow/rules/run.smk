# Before the first job of a call: this run alone works on the study, and what was damaged or lost is made again first.
import subprocess

from snakemake.cli import get_argument_parser

from toponn.results_folder import Busy, damaged, forget_dead_runs, hold, lost, set_aside

LOOKS_ONLY = (
    "dryrun touch unlock summary detailed_summary lint list_rules list_target_rules list_changes list_input_changes "
    "list_params_changes list_untracked list_conda_envs report dag rulegraph filegraph d3dag archive cleanup_metadata "
    "cleanup_shadow containerize delete_all_output delete_temp_output generate_unit_tests print_compilation"
).split()
REPAIRS = "TOPONN_REPAIRS"


def long_work():
    """Return the files that took long to make and that others are made from, in lists of what does not follow from another."""
    endings = ("weights.h5", "settings.json", "history.csv", "runs.csv")
    runs = [f for name in endings for f in run_files(name, sizes=True)]
    runs += [
        f
        for name in endings
        for task in TASKS
        for model in left_out_parts(STUDY, task)["models"]
        for f in left_out_runs(task, model, name)
    ]
    last = interface_runs_files()
    for ending in ("csv", "h5"):
        last += evaluation_files(ending) + diagnostic_files(ending)
        last += left_out_files(ending)
    return [dataset_files() + map_files(), search_files(), runs, last]


def interface_runs_files():
    """Return the files of the samples with two phases."""
    return [
        f"{RESULTS}/interfaces/{name}.{end}"
        for name in INTERFACES
        for end in ("csv", "h5")
    ]


def begin(asked):
    """Take the study for this run, or stop; make again what is damaged or lost, and nothing that was made from it.

    A file that comes out as it was changes nothing for the files after it, which the next look sees by its content,
    whereas Snakemake would make them again in the call that makes the file.
    """
    try:
        held = hold(Path(RESULTS))
    except Busy as busy:
        sys.exit(str(busy))
    if held:
        forget_dead_runs(Path(RESULTS), Path(".snakemake"))
    for path, fault in damaged(Path(RESULTS)):
        print(f"{fault.split(';')[0]}; kept as {set_aside(path).name}", file=sys.stderr)
    options = [word for word in sys.argv[1:] if word not in asked.targets]
    for files in () if asked.force or asked.forceall or asked.forcerun else long_work():
        needed = lost(files, Path(".snakemake"))
        if needed:
            print(f"Making again first: {', '.join(needed)}", file=sys.stderr)
            command = [PYTHON, "-m", "snakemake", *needed, *options]
            code = subprocess.run(command, env={**os.environ, REPAIRS: "1"}).returncode
            if code:
                sys.exit(code)
    return held


if (
    workflow.is_main_process
    and REPAIRS not in os.environ
    and "snakemake" in sys.argv[0]
):
    ASKED = get_argument_parser().parse_known_args(sys.argv[1:])[0]
    if not any(getattr(ASKED, name, None) for name in LOOKS_ONLY):
        HELD = begin(ASKED)  # a name, so that it is held to the end
