"""What a user may say, and what the rules derive from it.

- `settings`, `entries`, `members`, `kinds`: the config as types; `schema`: the JSON schema made from them
- `yaml_files`, `expand`, `read`: from YAML to these types; `errors`: one sentence for what is wrong
- `declared`: what models, diagnostics and figures say of themselves, read without importing them
- `plan`, `facts`, `limits`: jobs, files and resources that follow; `physics`: checks of systems and tests
- `codetrace`, `code`: the code that a job depends on
- `meaning`, `reference`: what keys and columns mean, and the page made of it

The one place that knows the YAML. Nothing here imports torch, pandas, h5py or matplotlib: every cluster job parses the
Snakefile anew.
"""
