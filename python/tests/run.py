"""Runs the tests of the Python package and checks its types. Exits with 77 where pytest is not installed."""

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> int:
    for needed in ("pytest", "numpy"):
        if importlib.util.find_spec(needed) is None:
            print(f"SKIPPED: {sys.executable} has no {needed}: pip install pytest numpy")
            return 77
    code = subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "python/tests"], cwd=ROOT,
                          check=False).returncode
    if code == 0 and importlib.util.find_spec("mypy") is not None:
        files = ["python/zofo", *sorted(str(path) for path in (ROOT / "python/tests").glob("*.py"))]
        code = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir=/dev/null", *files], cwd=ROOT,
                              check=False).returncode
    elif code == 0:
        print(f"types are not checked: {sys.executable} has no mypy")
    return code


if __name__ == "__main__":
    sys.exit(main())
