"""Draw whether models side with the invariant or with a proxy where the two disagree."""

from pathlib import Path

from toponn.figures.proxies import proxies
from toponn.figures.style import save
from toponn.files import read_csv
from toponn.joblog import job_log

with job_log(snakemake):
    table = read_csv(snakemake.input.table)
    table = table[(table["task"] == snakemake.params.task) & table["test"].isin(snakemake.params.tests)]
    # A proxy that hardly ever contradicts the label has nothing to show; the table says how often it does.
    telling = table.groupby(["test", "proxy"]).filter(lambda rows: (rows["status"] == "ok").any())
    save(proxies(telling if len(telling) else table), Path(snakemake.output.pdf).with_suffix(""))
