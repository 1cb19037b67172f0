"""``python -m toponn check mine:Mine``: what a Hamiltonian family is, before a study uses it."""

import argparse
import sys

from toponn.tools.checks import ConfigError


def main(arguments: list[str] | None = None) -> int:
    """Run the command of the arguments and return its exit code: 1 where what is checked is wrong."""
    parser = argparse.ArgumentParser("python -m toponn", description="Tools beside the workflow.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="print bands, gap, symmetries, filling and estimators of a system")
    check.add_argument("system", help="a system of the study, such as qwz, or module:Class of a file of your own")
    try:
        from toponn.labels.system_check import check_system  # here: --help needs no physics

        print(check_system(parser.parse_args(arguments).system))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
