"""What tests fetch or build once, in the cache of whoever runs them."""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import storm

ROOT = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "datastorm"


def made(name, sources, build):
    """The folder that `build(folder)` fills, once for these sources: whole, or not there."""
    ROOT.mkdir(parents=True, exist_ok=True)
    key = b"".join(pathlib.Path(each).read_bytes() for each in sources) + sys.version.encode()
    folder = ROOT / f"{name}-{hashlib.sha256(key).hexdigest()[:12]}"
    with open(ROOT / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of those who come at once, one does it
        if not folder.exists():
            new = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-new-", dir=ROOT))
            try:
                build(new)
                new.rename(folder)
            finally:
                shutil.rmtree(new, ignore_errors=True)
    return folder


def fetch(case, what, *commands, **more):
    """Runs what fetches or builds something: SKIP where it cannot be had."""
    for command in commands:
        done = subprocess.run([*map(str, command)], text=True, capture_output=True, timeout=480, stdin=subprocess.DEVNULL, **more)
        if done.returncode:
            storm.missing(case, f"{what} cannot be had: {(done.stderr or done.stdout).strip()[-300:]}")


def wheels(case, name, requirements):
    """The folder of Python packages that a requirements file fixes, to be put on a path."""
    return made(name, [requirements], lambda folder: fetch(
        case, f"Python's packages of {requirements.name}", [sys.executable, "-m", "venv", folder],
        [folder / "bin/python", "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:",
         "--target", folder / "packages", "-r", requirements])) / "packages"
