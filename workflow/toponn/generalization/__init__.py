"""Trained weights, untouched, on what they have never seen.

- `evaluation`: runs on every test; `superiority`: the hybrids beside the best rival
- `left_out`: trained on all lattices but one
- `proxies`, `local_proxy`: samples on which invariant and proxy disagree
- `interfaces`: two phases in one sample
- `sparse_ring`, `beyond_dense`: rings on samples too large for dense matrices
"""
