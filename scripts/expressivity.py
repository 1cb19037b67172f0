"""Compare every hybrid at its closed-form weights with the reference formula."""

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.data.datasets import read_dataset
    from toponn.tools.files import write_table
    from toponn.tools.seeds import stream
    from toponn.trainability.expressivity import expressivity_rows

    dataset = read_dataset(snakemake.input[0], "validation")
    rng = stream(int(dataset.attributes["seed"]), "expressivity", dataset.name)
    write_table(snakemake.output.table, expressivity_rows(dataset, snakemake.params.recipe, rng=rng), "trainability")
