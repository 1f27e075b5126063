"""The program zofo_theory from outside: options, exit codes, JSON. Argument: its path."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = sys.argv[1]


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=120)


listed = run("--list")
assert listed.returncode == 0, listed.stderr
assert {"P1", "I1", "E1", "E6", "C4"} <= set(listed.stdout.split()), listed.stdout

for bad, named in ((["--slow"], "--slow"), (["--only", "E99"], "E99"), (["--only"], "--only"), (["--json"], "--json")):
    result = run(*bad)
    assert result.returncode == 2 and named in result.stderr, (bad, result)
unwritable = run("--fast", "--only", "E6", "--json", "/nonexistent/theory.json")
assert unwritable.returncode == 2 and "/nonexistent/theory.json" in unwritable.stderr, unwritable

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "theory.json"
    result = run("--fast", "--only", "p3,E6", "--json", str(path))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 statements, 0 failed" in result.stdout, result.stdout
    report = json.loads(path.read_text())
    assert [s["id"] for s in report["statements"]] == ["P3", "E6"]
    assert all(s["passed"] and s["comparisons"] and s["series"] for s in report["statements"])
print("ok")
