"""What every other folder stands on, and what knows no physics.

- `conventions`: names of splits and tasks, the sign conventions of winding and Chern numbers
- `checks`: errors with one sentence, rows of families, checks of arrays
- `options`: the types with which models and diagnostics declare their options
- `seeds`: named streams of random numbers from one seed
- `digests`, `provenance`: what made a file
- `files`: HDF5, CSV and text files that appear whole or not at all
- `tables`: names and columns of every table; `statements`: sentences of the page of answers
- `statistics`: balanced accuracy, intervals, bootstraps
- `joblog`, `jobcode`: what a job logs, and the code that it may run; `results_folder`: one run at a time in it
"""
