"""Label the cells of a plane of parameters."""

from toponn.tools.joblog import job_log

with job_log(snakemake) as log:
    from toponn.labels.phase_maps import phase_map
    from toponn.tools.files import write_arrays

    arrays, attributes = phase_map(name=snakemake.params.name, seed=snakemake.params.seed, **snakemake.params.recipe)
    write_arrays(snakemake.output.map, arrays, attributes)
    log.info("%.1f %% of the samples are decided", 100 * arrays["decided"].mean())
