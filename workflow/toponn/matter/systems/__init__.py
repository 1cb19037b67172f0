"""Hamiltonian families, one file each; a row here is all that the study needs to know one by its name."""

SYSTEMS = {
    "ssh": "toponn.matter.systems.ssh:SSH",
    "extended_ssh": "toponn.matter.systems.extended_ssh:ExtendedSSH",
    "qwz": "toponn.matter.systems.qwz:QWZ",
    "kitaev_chain": "toponn.matter.systems.kitaev_chain:KitaevChain",
    "haldane": "toponn.matter.systems.haldane:Haldane",
    "higher_chern": "toponn.matter.systems.higher_chern:HigherChern",
    "kagome": "toponn.matter.systems.kagome:Kagome",
    "hofstadter": "toponn.matter.systems.hofstadter:Hofstadter",
    "amorphous_chern": "toponn.matter.systems.amorphous_chern:AmorphousChern",
}
