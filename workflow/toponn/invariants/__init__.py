"""Reference invariants: of samples (a Hamiltonian and positions), of large sparse ones, and of crystals.

- `estimates`: what each says of `toponn.matter.samples`: value, integer, margin, decided
- `bloch`, `crystals`: invariants and gaps of clean crystals
- `winding`, `chern`, `bott`, `localizer`: the formulas
- `sparse`, `chebyshev`, `filled`, `inertia`: the same for sparse Hamiltonians
"""

INVARIANTS = {
    "winding_number": "toponn.invariants.bloch:winding_number",
    "chern_number": "toponn.invariants.bloch:chern_number",
    "spectral_localizer": "toponn.invariants.estimates:spectral_localizer",
    "real_space_winding": "toponn.invariants.estimates:real_space_winding",
    "product_rule": "toponn.invariants.estimates:product_rule",
    "real_space_chern": "toponn.invariants.estimates:real_space_chern",
    "three_sector_chern": "toponn.invariants.estimates:three_sector_chern",
    "sparse_even_localizer": "toponn.invariants.sparse:even_localizer",
    "sparse_odd_localizer": "toponn.invariants.sparse:odd_localizer",
    "sparse_local_chern_marker": "toponn.invariants.sparse:local_chern_marker",
    "bott_index": "toponn.invariants.estimates:bott_index",
}
