"""What tests fetch or build once, in the cache of whoever runs them."""
import fcntl
import hashlib
import os
import pathlib
import shutil
import sys
import tempfile

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
