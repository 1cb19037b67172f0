"""The study: what a user may say (`settings`), how it is read (`read`), and what the rules derive from it (`plan`).

The one place that knows the YAML. Nothing here imports torch, pandas, h5py or matplotlib: every cluster job parses the
Snakefile anew.
"""
