"""Hamiltonian families, one file each; a row here is all that the study needs to know one by its name."""

SYSTEMS = {
    "ssh": "toponn.systems.ssh:SSH",
    "extended_ssh": "toponn.systems.extended_ssh:ExtendedSSH",
    "qwz": "toponn.systems.qwz:QWZ",
    "haldane": "toponn.systems.haldane:Haldane",
}
