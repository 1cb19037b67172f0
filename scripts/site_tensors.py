"""Read off the site tensors that the rings learned, beside those of the closed form."""

from pathlib import Path

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.data.datasets import read_dataset
    from toponn.tools.files import write_arrays, write_table
    from toponn.trainability.site_tensors import learned_tensors, site_tensor_rows

    dataset = read_dataset(snakemake.input[0], "validation")
    folders = [Path(weights).parent for weights in snakemake.input.weights]
    arrays, attributes = learned_tensors(folders, dataset, snakemake.params.seeds)
    write_arrays(snakemake.output.tensors, arrays, attributes)
    write_table(snakemake.output.table, site_tensor_rows(arrays, attributes, dataset.task), "trainability")
