"""The device on which tensors live, a processor or a CUDA card; the code is the same for both."""

import torch

from toponn.tools.checks import ConfigError, refusal


def device_of(name: str) -> torch.device:
    """Return the device that the config's `device` names; "auto" is CUDA where torch finds one, else the CPU.

    Raises
    ------
    ConfigError
        If CUDA is asked for and torch finds none.
    """
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise ConfigError(refusal("device", name, "auto or cpu, since torch finds no CUDA device on this machine"))
    return torch.device("cuda" if found and name != "cpu" else "cpu")
