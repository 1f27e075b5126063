#!/usr/bin/env python3
"""Builds the documentation site in build/site: the pages by MkDocs, the reference by Doxygen.

usage: docs_site.py [--draft]

Fails on a broken link or citation, an undocumented public name and a warning of MkDocs. --draft builds the site although names
are undocumented.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def step(title: str, *command: str, **environment: str) -> bool:
    start = time.monotonic()
    run = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False)
    state = "ok" if run.returncode == 0 else f"failed ({run.returncode})"
    print(f"docs: {title}: {state}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return run.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draft", action="store_true")
    draft = parser.parse_args().draft
    python = [sys.executable, "-B"]
    linked = step("links and citations", *python, "scripts/docs_check.py")
    documented = step("reference", *python, "scripts/docs_reference.py", "--out", "build/reference")
    built = step("pages", "mkdocs", "build", PYTHONPATH=str(ROOT / "scripts"), PYTHONDONTWRITEBYTECODE="1")
    if built:
        print(f"docs: {ROOT / 'build/site/index.html'}", file=sys.stderr)
    return 0 if built and (draft or (linked and documented)) else 1


if __name__ == "__main__":
    sys.exit(main())
