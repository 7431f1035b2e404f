"""Prepares `build/meds-tools`, an environment of other people's MEDS tools, for `make test-meds`.

They cannot stand in ours: es-aces wants polars 1.x. Run it with the environment's own Python
(`.venv/bin/python scripts/meds_tools.py`), whose pip it uses; it needs the network once.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "meds-tools"
WANTED = Path(__file__).with_suffix(".txt")
# meds-evaluation 0.0.3 reads predictions by other rules than 0.0.6, so it stands beside it.
OLDER = ("meds-evaluation==0.0.3", "loguru==0.7.3")


def pip(*arguments: object) -> None:
    """Installs into the environment with this Python's pip."""
    command = [sys.executable, "-m", "pip", "--python", FOLDER / "bin" / "python", "install", "-q"]
    done = subprocess.run([str(word) for word in [*command, *arguments]])
    if done.returncode:
        sys.exit("meds-tools: the installation failed (see above)")


def main() -> None:
    """Does nothing where it was done before."""
    stamp = FOLDER / "stamp"
    wanted = hashlib.sha256(WANTED.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"meds-tools: making {FOLDER.relative_to(ROOT)}", flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(FOLDER)], check=True)
    pip("-r", WANTED)
    pip("--no-deps", "--target", FOLDER / "older", *OLDER)
    stamp.write_text(wanted)


if __name__ == "__main__":
    main()
