"""Answer the study's question from its tables, on one page."""

from pathlib import Path

from toponn.tools.joblog import job_log

with job_log(snakemake):
    from toponn.tools.files import read_table, whole_file, write_table
    from toponn.tools.statements import Statement
    from toponn.verdicts.answers import Tables, answers, verdicts
    from toponn.verdicts.answers_page import page

    given, runs = snakemake.params, read_table(snakemake.input.runs, "runs")
    sizes = {task: int(runs[runs["dataset"] == home]["size"].iloc[0]) for task, home in given.homes.items()}
    names = {"trainability": "trainability", "proxies": "proxies", "summary": "generalization_summary"}
    made_from = {key: read_table(snakemake.input[key], name) for key, name in names.items()}
    tables = Tables(**made_from, homes=given.homes, sizes=sizes, tests=given.tests)
    statements = [(said.pop("figure"), Statement(**said)) for said in map(dict, given.statements)]
    found = answers(tables, statements)
    labels = {name: label for name, (label, *_) in given.looks.items()}
    figures = {Path(path).stem: Path(path) for path in snakemake.input.figures}
    write_table(snakemake.output.table, found, "answers")
    with whole_file(snakemake.output.page) as temporary:
        temporary.write_text(page(found, verdicts(tables), figures, labels), encoding="utf-8")
