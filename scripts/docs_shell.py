"""Runs the shell blocks of a page in a folder of its own, with the program, a tiny model and small data.

The folder holds: build/release/bin/zofo (also on PATH as zofo), model.gguf (a tiny model), mytask (a task folder), data (with
train.jsonl and validation.jsonl of some tasks of this repository, DATA_OF), prompts.jsonl (requests of `zofo score`), scripts and
demo (the run folder of `zofo demo --tiny`). MODEL is model.gguf, DATA is data. Blocks of a page run in order and see each other's files.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

TASK = """prompt = " {text} :"
options = [" no", " yes"]
label_field = "label"
[label_map]
0 = 0
1 = 1
"""
BLOCK_SECONDS = 120
ROOT = Path(__file__).resolve().parents[1]
DATA_OF = ("emotion", "mr", "poem_sentiment", "rte", "sst2", "trec", "tweet_irony")
PROMPT = {"prompt": "a fine film It was", "options": [" terrible", " great"], "id": 1}


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


def _write(file: Path, rows: list):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _make_data(folder: Path, name: str, texts: dict):
    """Examples of a task of this repository: texts in its fields, and its labels in turn. `texts`: a list for each file."""
    definition = tomllib.loads((ROOT / "tasks" / name / "task.toml").read_text())
    prompts = [definition["prompt"], *(each["prompt"] for each in definition.get("templates", []))]
    fields = sorted({field for prompt in prompts for field in re.findall(r"{(\w+)", prompt)})
    labels = list(definition["label_map"])
    (folder / name).mkdir()
    for file, listed in texts.items():
        _write(folder / name / file, [{**dict.fromkeys(fields, text), definition["label_field"]: labels[i % len(labels)]}
                                      for i, text in enumerate(listed)])


def _prepare(folder: Path, program: str, tiny: Path):
    for name in ("build/release/bin", "bin", "mytask", "data"):
        (folder / name).mkdir(parents=True)
    for link in ("build/release/bin/zofo", "bin/zofo"):
        (folder / link).symlink_to(program)
    shutil.copy(tiny / "tiny.gguf", folder / "model.gguf")
    shutil.copytree(tiny, folder / "demo")
    (folder / "mytask/task.toml").write_text(TASK)
    texts = {}
    for name, count in (("train.jsonl", 120), ("validation.jsonl", 24)):
        lines = (tiny / "tiny_task" / name).read_text().splitlines(keepends=True)[:count]
        (folder / "mytask" / name).write_text("".join(lines))
        texts[name] = [json.loads(line)["text"] for line in lines]
    (folder / "scripts").symlink_to(ROOT / "scripts")
    _write(folder / "prompts.jsonl", [PROMPT])
    for name in DATA_OF:
        _make_data(folder / "data", name, texts)


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
