# Reads the files of the study once more than Snakemake does, to refuse what YAML understands otherwise than it is written.
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)

# This checkout's library serves the rules and their jobs, whatever copy of it may be installed.
LIBRARY = str(ROOT / "workflow")
sys.path.insert(0, LIBRARY)

from toponn.study.yaml_files import read_yaml
from toponn.tools.checks import ConfigError

OWN = ["workflow/studies/labels.yaml", "config.yaml"]
BASE = {}
if workflow.is_main_process:  # its jobs get what it has read
    try:
        for path in OWN:
            BASE |= read_yaml(path)
        for path in workflow.config_settings.configfiles:
            read_yaml(path)
    except ConfigError as error:
        sys.exit(f"config: {error}")
