"""What made a file: the study, the code and the environment, written into every output."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

STUDY_DIGEST = "TOPONN_STUDY_DIGEST"
"""The environment variable in which the workflow tells its jobs the digest of the study's checked config."""

CODE = ("Snakefile", "scripts", "workflow/rules", "workflow/toponn")
"""Where the code of the project lies; what a study says has a digest of its own."""

PACKAGES = ("torch", "numpy", "scipy", "pandas", "h5py", "matplotlib")


@cache
def provenance() -> dict[str, str]:
    """Return what made a file, as text.

    Keys: ``config_digest`` of the study ("none" outside the workflow), ``library_version``, ``git_commit`` of the code
    as it was at the first call (with ``-dirty`` where code was changed or added since, "unknown" outside a checkout),
    and ``environment``: the versions of Python, of the numerical libraries and of the system.
    """
    return {
        "config_digest": os.environ.get(STUDY_DIGEST, "none"),
        "library_version": _version("toponn"),
        "git_commit": _commit(),
        "environment": ", ".join(
            [
                f"python {platform.python_version()}",
                *(f"{name} {_version(name)}" for name in PACKAGES),
                f"{sys.platform} {platform.machine()}",
            ]
        ),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _commit() -> str:
    """Return the commit that is checked out, and whether the code is another: changed files, and new ones."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--", *CODE)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}-dirty" if changed else commit


def _git(*words: str) -> str:
    """Return what git says of the project, without its locks: jobs ask at the same time."""
    command = ["git", "--no-optional-locks", "-C", str(Path(__file__).parents[3]), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
