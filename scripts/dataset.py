"""Draw, label and store one dataset."""

from toponn.tools.joblog import job_log

with job_log(snakemake) as log:
    from toponn.data.datasets import write_dataset
    from toponn.data.generation import generate

    samples = generate(name=snakemake.params.name, seed=snakemake.params.seed, **snakemake.params.recipe)
    write_dataset(snakemake.output[0], samples)
    log.info("%s: labels agree with the reference on %.1f %%", samples, 100 * samples.attributes["reference_agreement"])
