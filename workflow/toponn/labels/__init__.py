"""How far labels can be trusted.

- `convergence`: estimators against the invariant of the infinite crystal, by size
- `references`: how often independent estimators agree
- `phase_maps`: phase diagrams with undecided cells
- `system_check`: all of it for one system, `python -m toponn check`
"""
