"""Ask whom the models of one task side with where a proxy and the invariant disagree."""

from pathlib import Path

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.generalization.evaluation import Evaluation, by_variant
    from toponn.generalization.proxies import overlap_rows, proxy_rows
    from toponn.tools.files import write_table
    from toponn.tools.seeds import stream

    home, rng = snakemake.input.home, stream(snakemake.params.seed, "proxies", snakemake.wildcards.task)
    evaluations = by_variant(map(Evaluation.read, snakemake.input.predictions))
    tests = {Path(path).stem: path for path in snakemake.input.tests}
    write_table(snakemake.output.proxies, proxy_rows(home, tests, evaluations, rng=rng), "proxies")
    write_table(snakemake.output.overlap, overlap_rows(home, evaluations), "diagnostics")
