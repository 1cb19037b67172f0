"""Reference invariants: each row computes one from what a user has."""

INVARIANTS = {
    "winding_number": "toponn.invariants.bloch:winding_number",
    "chern_number": "toponn.invariants.bloch:chern_number",
    "real_space_winding": "toponn.invariants.winding:real_space_winding",
    "switch_winding": "toponn.invariants.winding:switch_winding",
    "product_rule": "toponn.invariants.winding:product_rule",
    "local_chern_marker": "toponn.invariants.chern:local_chern_marker",
    "real_space_chern": "toponn.invariants.chern:real_space_chern",
    "switch_chern": "toponn.invariants.chern:switch_chern",
    "three_sector_chern": "toponn.invariants.chern:three_sector_chern",
    "odd_localizer": "toponn.invariants.localizer:odd_localizer",
    "even_localizer": "toponn.invariants.localizer:even_localizer",
}
