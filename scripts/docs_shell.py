"""Runs the shell blocks of a page in a folder of its own, with the program, a tiny model and small data.

The folder holds: build/release/bin/zofo (also on PATH as zofo), model.gguf (a tiny model), mytask (a task folder), data/sst2
(train.jsonl and validation.jsonl of the task sst2) and demo (the run folder of `zofo demo --tiny`). MODEL is model.gguf, DATA
is data. Blocks of a page run in order and see each other's files.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

TASK = """prompt = " {text} :"
options = [" no", " yes"]
label_field = "label"
[label_map]
0 = 0
1 = 1
"""
BLOCK_SECONDS = 120


def run_pages(work: list, program: str) -> list:
    """`work`: a list of blocks for each page. Returns the failures as messages."""
    if not work:
        return []
    with tempfile.TemporaryDirectory(prefix="zofo-docs-") as folder:
        tiny = Path(folder) / "tiny"
        limit = "--max-seconds" if "--max-seconds" in _run([program, "demo", "--help"]) else "--seconds"
        _run([program, "demo", "--tiny", limit, "0.1", "--out", str(tiny)])
        return [message for blocks in work for message in _run_page(blocks, program, tiny)]


def _run(command: list) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False)
    if done.returncode != 0:
        raise SystemExit(f"docs_shell: {' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def _prepare(folder: Path, program: str, tiny: Path):
    for name in ("build/release/bin", "bin", "mytask", "data/sst2"):
        (folder / name).mkdir(parents=True)
    for link in ("build/release/bin/zofo", "bin/zofo"):
        (folder / link).symlink_to(program)
    shutil.copy(tiny / "tiny.gguf", folder / "model.gguf")
    shutil.copytree(tiny, folder / "demo")
    (folder / "mytask/task.toml").write_text(TASK)
    for name, count in (("train.jsonl", 80), ("validation.jsonl", 24)):
        lines = (tiny / "tiny_task" / name).read_text().splitlines(keepends=True)[:count]
        (folder / "mytask" / name).write_text("".join(lines))
        rows = [json.loads(line) for line in lines]
        sentences = [{"sentence": row["text"], "label": row["label"]} for row in rows]
        (folder / "data/sst2" / name).write_text("".join(json.dumps(row) + "\n" for row in sentences))


def _replaced(block) -> str:
    """The block's commands after the replacements of its marker `run, with A -> B; C -> D`."""
    text = block.text
    for pair in filter(None, block.marker.removeprefix("run").removeprefix(", with ").split("; ")):
        old, arrow, new = pair.partition(" -> ")
        if not arrow or old not in text:
            raise SystemExit(f"{block.page}:{block.line}: run, with {pair}: \"{old}\" is not in the block")
        text = text.replace(old, new)
    return re.sub(r"^\$ ", "", text, flags=re.M)


def _run_page(blocks: list, program: str, tiny: Path) -> list:
    found = []
    with tempfile.TemporaryDirectory(prefix="zofo-docs-") as name:
        folder = Path(name)
        _prepare(folder, program, tiny)
        environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "MODEL": "model.gguf", "DATA": "data",
                       "OMP_WAIT_POLICY": "passive"}
        for block in blocks:
            try:
                done = subprocess.run(["bash", "-euo", "pipefail", "-c", _replaced(block)], cwd=folder, env=environment,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, errors="replace", timeout=BLOCK_SECONDS, check=False)
                if done.returncode != 0:
                    found.append(f"{block.page}:{block.line}: exit code {done.returncode}\n{done.stdout}")
            except subprocess.TimeoutExpired:
                found.append(f"{block.page}:{block.line}: took more than {BLOCK_SECONDS} s")
    return found
