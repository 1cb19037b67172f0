"""Hold the measured numbers against the claims of the source paper: a table and a page."""

from pathlib import Path

from toponn.tools.joblog import job_log

MADE_FROM = {"trainability": "trainability", "generalization": "generalization"}
MADE_FROM |= {"summary": "generalization_summary", "superiority": "superiority"}
OPTIONAL = {"proxies": "proxies", "left_out": "left_out_summary", "interfaces": "interfaces"}

with job_log(snakemake):
    from toponn.tools.files import read_table, whole_file, write_table
    from toponn.verdicts.claims import claims_table
    from toponn.verdicts.claims_page import page

    given, files = snakemake.params, snakemake.input
    tables = [read_table(files[key], name) for key, name in MADE_FROM.items()]
    others = [read_table(files[key], name) if files[key] else None for key, name in OPTIONAL.items()]
    hybrids, rivals = ([name for names in of.values() for name in names] for of in (given.hybrids, given.rivals))
    found = claims_table(*tables, *others, exact=given.exact, hybrids=hybrids, rivals=rivals, root=given.seed)
    write_table(snakemake.output.table, found, "claims")
    labels = {name: label for name, (label, *_) in given.looks.items()}
    figures = {Path(path).stem: Path(path) for path in files.figures}
    with whole_file(snakemake.output.page) as temporary:
        temporary.write_text(page(found, figures, labels), encoding="utf-8")
