"""toponn, the library under the study: from lattice Hamiltonians to trained networks and what they learned.

Its folders stand in the order of a sample's way, and import only what stands before them:

- `tools`: checks of input, seeds, files, tables, statistics, the log of a job
- `matter`: lattices, shapes, disorder and systems, from parameters to a Hamiltonian and its occupied states
- `invariants`: estimators of winding and Chern numbers, of samples and of crystals
- `data`: recipes, the datasets drawn by them, and the encodings that a network sees
- `labels`: how far the labels can be trusted
- `models`: tensor rings, networks, convex regressions, closed forms
- `training`: the loop, its blocks of seeds, checkpoints, saved runs
- `trainability`: diagnostics, one file each
- `generalization`: the trained weights on every test
- `verdicts`: claims and answers, with their pages
- `figures`: tables to figures
- `study`: the config, and the plan that the rules follow
"""
