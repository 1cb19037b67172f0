# Reads the files of the study strictly, before Snakemake does (the profile has seen those of the command line, if used).
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from toponn.yaml_files import refuse_files

refuse_files(["config.yaml", *workflow.config_settings.configfiles])
