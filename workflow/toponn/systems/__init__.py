"""Hamiltonian families, one file each; a row here is all that the study needs to know one by its name."""

SYSTEMS = {
    "ssh": "toponn.systems.ssh:SSH",
    "extended_ssh": "toponn.systems.extended_ssh:ExtendedSSH",
    "qwz": "toponn.systems.qwz:QWZ",
    "kitaev_chain": "toponn.systems.kitaev_chain:KitaevChain",
    "haldane": "toponn.systems.haldane:Haldane",
    "higher_chern": "toponn.systems.higher_chern:HigherChern",
    "kagome": "toponn.systems.kagome:Kagome",
    "hofstadter": "toponn.systems.hofstadter:Hofstadter",
    "amorphous_chern": "toponn.systems.amorphous_chern:AmorphousChern",
}
