"""Compare every form of the ring at its closed-form weights with the reference formula."""

from toponn.files import write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.datasets import read_dataset
    from toponn.seeds import stream
    from toponn.trainability import COLUMNS
    from toponn.trainability.expressivity import expressivity_rows

    dataset = read_dataset(snakemake.input.dataset, "validation")
    rng = stream(int(dataset.attributes["seed"]), "expressivity", dataset.name)
    write_csv(snakemake.output.table, expressivity_rows(dataset, snakemake.params.recipe, rng=rng), COLUMNS)
