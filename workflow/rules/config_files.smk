# Reads the files of the study strictly, before Snakemake does (the profile has seen those of the command line, if used).
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)

# This checkout's library serves the rules and their jobs, whatever copy of it may be installed.
LIBRARY = str(ROOT / "workflow")
sys.path.insert(0, LIBRARY)

from toponn.study.yaml_files import refuse_files

OWN = ["workflow/studies/labels.yaml", "config.yaml"]
if workflow.is_main_process:  # its jobs get what it has read
    refuse_files([*OWN, *workflow.config_settings.configfiles])
