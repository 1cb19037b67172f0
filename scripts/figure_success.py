"""Draw success fractions, balanced accuracies and gradient norms of one task's runs."""

from pathlib import Path

from toponn.figures.style import save
from toponn.figures.success import success
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    trainability, runs = read_csv(snakemake.input.trainability), read_csv(snakemake.input.runs)
    runs = runs[runs["dataset"] == snakemake.params.dataset]  # and none that was trained on another size
    here = trainability["size"].isin(runs["size"]) & (trainability["task"] == snakemake.params.task)
    trainability = trainability[here]
    save(success(trainability, runs, snakemake.params.threshold), Path(snakemake.output.pdf).with_suffix(""))
