"""Draw, label and store one dataset."""

from toponn.tools.joblog import job_log

with job_log(snakemake) as log:
    from toponn.data.datasets import write_dataset
    from toponn.data.generation import generate

    arrays, attributes = generate(name=snakemake.params.name, seed=snakemake.params.seed, **snakemake.params.recipe)
    write_dataset(snakemake.output[0], arrays, attributes)
    log.info("labels agree with the independent reference on %.1f %%", 100 * attributes["reference_agreement"])
