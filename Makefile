# toponn: set-up and run in one step. Needs python3 (3.11 or newer, with venv) and make, nothing else.
#
## make          the default study on all cores, then its report (results/default/report.html)
## make quick    the same at its smallest honest scale, for a first look
## make test     every test, among them a small study from end to end
## make lint     formatting and style of the code and of the workflow
## make report   the report alone, from what is there
## make clean    remove the environment and caches; results stay
##
## make CONFIG=my.yaml           another study: an overlay of config.yaml
## make ARGS="-n -q rules"      further options and targets for snakemake; the report is then left to make report
#
# Without a GPU, PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make saves a download of some gigabytes.
# Commands run as python -m, because scripts in .venv/bin break when the folder is moved.

PYTHON ?= python3
CONFIG ?=
ARGS ?=

IN_VENV := .venv/bin/python -m
INSTALLED := .venv/installed
# A profile of a cluster says itself how many cores a job may have.
CORES = $(if $(findstring --workflow-profile,$(ARGS)),,--cores all)
SNAKEMAKE = $(IN_VENV) snakemake --quiet host reason $(CORES) $(if $(CONFIG),--configfile "$(CONFIG)")
STUDY = $(shell sed -n "s/^[\"']*study[\"']* *: *[\"']*\([a-z0-9_]*\).*/\1/p" config.yaml $(if $(CONFIG),"$(CONFIG)") | tail -n 1)
REPORT = results/$(STUDY)/report.html
REPORT_LOG = results/$(STUDY)/logs/report.log
# A report that is older than any of these, or has no end, is made again; it is renamed when it is whole.
REPORTED = results/$(STUDY)/tables results/$(STUDY)/figures config.yaml workflow/studies workflow/report \
	workflow/rules workflow/toponn/tools/tables.py workflow/toponn/figures

.DEFAULT_GOAL := all
.NOTPARALLEL:
.PHONY: all quick test lint report clean help

all: $(INSTALLED)
	@[ -z "$(CONFIG)" ] || [ -e "$(CONFIG)" ] || { echo "CONFIG: there is no file $(CONFIG)" >&2; exit 1; }
	@$(SNAKEMAKE) $(ARGS)
	@$(if $(ARGS),,$(MAKE) --no-print-directory report)

quick:
	@$(MAKE) --no-print-directory all CONFIG=workflow/studies/quick.yaml

report: $(INSTALLED)
	@if ! tail -n 1 "$(REPORT)" 2> /dev/null | grep -q "</html>" || [ -n "$$(find $(REPORTED) -newer "$(REPORT)" -print | head -n 1)" ]; then \
		mkdir -p "$(dir $(REPORT_LOG))"; \
		$(SNAKEMAKE) --report "$(REPORT:.html=.part.html)" > "$(REPORT_LOG)" 2>&1 || \
			{ cat "$(REPORT_LOG)" >&2; exit 1; }; \
		mv "$(REPORT:.html=.part.html)" "$(REPORT)"; \
		echo "The report is $(REPORT)"; \
	fi

test: $(INSTALLED)
	@# The tests of the finished small study beside all others, which are printed after them.
	@mkdir -p .pytest_cache; $(IN_VENV) pytest -m "not finished and not benchmark and not fuzz and not whole" > .pytest_cache/others.log 2>&1 & \
	others=$$!; trap "kill $$others" INT TERM; \
	$(IN_VENV) pytest -m "finished and not benchmark and not whole" -p no:cacheprovider tests/workflow; finished=$$?; \
	wait $$others; others=$$?; cat .pytest_cache/others.log; exit $$((finished + others))

lint: $(INSTALLED)
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .
	$(IN_VENV) snakefmt --check Snakefile workflow/rules
	$(IN_VENV) snakemake --lint

# The stamp is written last, so that an interrupted installation is begun again.
$(INSTALLED): pyproject.toml envs/requirements.lock
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "toponn needs Python 3.11 or newer; name one by make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" 2> /dev/null || \
		{ echo "toponn needs Python's venv; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Making the environment .venv (once; minutes)"
	@$(PYTHON) -m venv --clear .venv
	@$(IN_VENV) pip install --quiet --disable-pip-version-check -c envs/requirements.lock -e ".[cluster,test]"
	@touch $@

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis

help:
	@sed -n "s/^## \{0,1\}//p" Makefile
