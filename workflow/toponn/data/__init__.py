"""Samples on their way into a network.

- `recipes`: how samples of one dataset are drawn
- `generation`: draws, labels them, and keeps those whose label can be trusted
- `datasets`: their HDF5 layout
- `encodings`: what a network sees of a sample
"""
