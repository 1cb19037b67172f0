# Before the first job of a call: this run alone works on the study, and its jobs go by what it has read.
from snakemake.cli import get_argument_parser

from toponn.tools.results_folder import hold, undo_times_ahead, write_begun

LOOKS_ONLY = (
    "dryrun summary detailed_summary lint list_rules list_target_rules list_changes list_input_changes "
    "list_params_changes list_untracked list_conda_envs report dag rulegraph filegraph d3dag archive containerize "
    "generate_unit_tests print_compilation"
).split()


def begin():
    """Return the lock of the results folder, or stop where another run has it."""
    try:
        lock = hold(Path(PLAN.results))
        undo_times_ahead(Path(PLAN.results), lock)
        CODE.trace.read_all()
        write_begun(Path(PLAN.results), BEGUN | {"code": CODE.trace.known})
    except (DataError, OSError) as error:
        sys.exit(str(error))
    return lock


if workflow.is_main_process:
    GIVEN = sys.argv[1:] if "snakemake" in sys.argv[0] else []
    ASKED = get_argument_parser().parse_known_args(GIVEN)[0]
    LOOKS = any(getattr(ASKED, name, None) for name in LOOKS_ONLY)
    if ASKED.report_after_run or not LOOKS:
        HELD = begin()  # a name, so that it is held to the end
