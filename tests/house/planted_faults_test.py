#!/usr/bin/env python3
"""The faults of tests/mutation still fit the sources: tools/mutate.py could plant each of them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

if __name__ == "__main__":
    sys.exit(subprocess.run([sys.executable, ROOT / "tools/mutate.py", "--check"], check=False).returncode)
