"""The third-party libraries that the project is compared with: how each is imported, and the sign of each.

A sign says what a library's number is in the project's convention; each is fixed here, once, and checked nowhere by
absolute values: a library that turned its sign would fail every comparison.
"""

import importlib
import warnings
from types import ModuleType

import pytest

PYTHTB_CHERN = +1
"""`wf_array.berry_flux` is the flux of ∂x A_y − ∂y A_x with A = i⟨u|∇u⟩: the convention itself."""

PYTHTB_WINDING = +1
"""`wf_array.berry_phase` is ∮A dk of a lower band (−e^{iφ}, 1)/√2, −½∮dφ; the block of `bloch` is h(−k), φ winds −ν."""

PYBOTT_CHERN = -1
"""PyBott takes log(U V U⁻¹ V⁻¹), U along x and V along y: the loop of the convention, U_y U_x U_y† U_x†, backwards."""

TBKIT_CHERN = +1
"""tbkit states the project's convention in `KSpace.berry_curvature` and keeps it for the marker and the Bott index."""

TBKIT_WINDING = +1
"""tbkit's Bloch phase is e^{+ik·R}, so that hoppings t_n to the cell R = n make h(k) = Σ t_n e^{ikn}."""

KPM_TOOLS_CHERN = +1
"""kpm_tools takes 4π Im⟨P x P y P⟩ site by site, the convention's marker times the area per site."""

LIBRARIES = {"pythtb": "PythTB", "pybott": "PyBott", "tbkit": "tbkit", "kwant": "Kwant", "kpm_tools": "kpm_tools"}
"""Names of the modules, and of the libraries."""

ENOUGH = 3
"""A run that is told to compare must find so many of them."""


def library(name: str) -> ModuleType:
    """Return the module, imported such that nothing else notices.

    PyBott switches matplotlib to LaTeX as it is imported, and its docstrings hold escapes that Python warns of when it
    first compiles them.

    Raises
    ------
    ImportError
        If it is not installed, or does not work with what is.
    """
    from matplotlib import rc_context

    with rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def missing() -> dict[str, str]:
    """Return the libraries that cannot be imported, each with the reason."""
    reasons = {}
    for name in LIBRARIES:
        try:
            library(name)
        except ImportError as error:
            reasons[name] = f"{type(error).__name__}: {error}"
    return reasons


def library_or_skip(name: str) -> ModuleType:
    """Return the module, or skip the test with the reason why there is none."""
    try:
        return library(name)
    except ImportError as error:
        pytest.skip(f"{LIBRARIES[name]} cannot be imported ({error})")
