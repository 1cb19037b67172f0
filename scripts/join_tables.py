"""Join the rows of files of one table, of runs those of the seeds that the study asks for."""

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.tools.files import read_table, write_table
    from toponn.trainability.success import first_seeds

    name, seeds = snakemake.params.table, snakemake.params.seeds
    rows = read_table(snakemake.input.tables, name)
    write_table(snakemake.output.table, first_seeds(rows, seeds) if seeds else rows, name)
