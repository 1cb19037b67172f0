"""From parameters to a Hamiltonian, its occupied states and projector.

- `lattices`, `point_sets`: unit cells and sets of points, cut to `shapes`
- `systems`: Hamiltonians on them; `disorder`: random terms and removals
- `geometry`: which system lives on which lattice in which shape
- `states`: occupied states, projectors and polar factors
- `samples`: the type that travels from the draw to what a network sees; `names`: from its printed name back to keys
"""
