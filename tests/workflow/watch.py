"""What every Python of a project under test reads first, as its ``sitecustomize``.

A job notes which project files it loaded and which its parameters name. And it takes the first of the fates that lie
ready for its script, files ``fates/<script>-<number>`` of three words: whom it hits (the job, the run, or the group of
all processes of the run), by which signal (or HOLD: the job waits until ``fates/go`` is there), and when: at the
``start``, before the nth file is renamed to its place, after ``0.5s``, or at the ``end``, when all its files are whole.
"""

import atexit
import json
import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

HERE = Path(__file__).parent


def note() -> None:
    """Note what this job has done."""
    job = sys.modules["__main__"].snakemake
    loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    found = {
        "rule": job.rule,
        "outputs": list(job.output),
        "loaded": [path for path in loaded if path and f"{os.sep}toponn{os.sep}" in path],
        "named": [text for value in job.params for text in (value if type(value) is list else [value])],
    }
    (HERE / f"{uuid.uuid4().hex}.json").write_text(json.dumps(found, default=str))


def taken(script: str) -> Path | None:
    """Return the fate that this job has taken, if there was one for it."""
    for fate in sorted((HERE / "fates").glob(f"{script}-*")):
        try:
            return fate.rename(HERE / "taken" / fate.name)
        except FileNotFoundError:  # another job has it
            continue
    return None


def meet(fate: Path, victim: str, name: str) -> None:
    """Let a fate come true, once."""
    try:
        fate.rename(HERE / "met" / fate.name)
    except FileNotFoundError:
        return
    if name == "HOLD":
        while not (HERE / "fates/go").exists():
            time.sleep(0.02)
        return
    run, number = int(os.environ["WATCHED_RUN"]), getattr(signal, f"SIG{name}")
    if victim == "group":
        os.killpg(run, number)
    else:
        os.kill(run if victim == "run" else os.getpid(), number)


def await_fate(fate: Path, victim: str, name: str, moment: str) -> None:
    """Let a fate come true at its moment."""
    if moment == "start":
        meet(fate, victim, name)
    elif moment == "end":
        atexit.register(meet, fate, victim, name)
    elif moment.endswith("s"):
        timer = threading.Timer(float(moment[:-1]), meet, (fate, victim, name))
        timer.daemon = True
        timer.start()
    else:
        left = [int(moment)]

        def hook(event: str, _: tuple) -> None:
            left[0] -= event == "os.rename"
            if left[0] == 0 and event == "os.rename":
                meet(fate, victim, name)

        sys.addaudithook(hook)


if ".snakemake/scripts/" in sys.orig_argv[-1]:
    atexit.register(lambda: hasattr(sys.modules["__main__"], "snakemake") and note())
    if fate := taken(Path(sys.orig_argv[-1]).name.split(".")[1]):
        await_fate(fate, *fate.read_text().split())
elif "snakemake" in sys.orig_argv:
    os.environ.setdefault("WATCHED_RUN", str(os.getpid()))
