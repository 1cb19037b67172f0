"""Ask whom the models of one task side with where a proxy and the invariant disagree."""

from pathlib import Path

from toponn.files import read_arrays, read_csv, write_csv
from toponn.joblog import job_log

with job_log(snakemake):
    from toponn.seeds import stream
    from toponn.trainability import UNIT
    from toponn.trainability.proxies import PROXY_COLUMNS, overlap_rows, proxy_rows

    task, home = snakemake.wildcards.task, snakemake.input.home
    predictions = {}
    for table, arrays in zip(snakemake.input.tables, snakemake.input.predictions, strict=True):
        model, form = read_csv(table)[["model", "form"]].iloc[0]
        predictions[model, form] = read_arrays(arrays)[0]
    tests = {Path(path).stem: path for path in [home, *snakemake.input.tests]}
    rng = stream(snakemake.params.seed, "proxies", task)
    write_csv(snakemake.output.proxies, proxy_rows(task, home, tests, predictions, rng=rng), PROXY_COLUMNS)
    write_csv(snakemake.output.overlap, overlap_rows(task, home, predictions), UNIT)
