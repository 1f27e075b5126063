"""Runs of the program for fixed seeds on the CPU, and the numbers they come to: tests/golden/runs.json.

    python3 tests/golden/record_runs.py PATH_OF_ZOFO [--commit COMMIT]

records the runs of the program at that path, with one thread and with two. The record of another machine or compiler
is kept beside them; --commit says what the program was built from (otherwise: the commit of the folder it lies in).
tests/cli/golden_runs_test.py makes the same runs with the program under test and compares. Record anew only where a
change is meant to alter what a run computes, and say so in the commit.

Every command line stands in the tables FINETUNE, META_TRAIN and their common options below: where an option gets
another name, change it there; the records stay.
"""

import argparse
import array
import ctypes
import functools
import hashlib
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
import program  # noqa: E402: its folder must be known first

RECORD = Path(__file__).with_name("runs.json")
THREADS = (1, 2)
VALIDATION_ROWS = 24  # the fewest that a score is taken over

# ---- the command lines: the one place that names options -------------------------------------------------------------
# {model} is the model of `zofo demo --tiny`, {task}, {a}, {b}, {c} are tasks made of its rows, {run} is the run folder.
# Rates are far above the defaults, so that eight steps move every weight visibly.
FINETUNE_ALL = ("finetune --model {model} --task {task} --out {run} --device cpu --max-steps 8 --batch-size 4 --seed 7 "
                f"--zo-learning-rate 1e-4 --lower-learning-rate 0.01 --upper-learning-rate 0.01 --curve-points 2 --curve-samples {VALIDATION_ROWS}")
FINETUNE = {
    "bilevel": "--method bilevel --inner-steps 2",
    "bilevel-upper-once": "--method bilevel --inner-steps 3 --no-upper-every-inner-step --penalty 3",
    "bilevel-loop": "--method bilevel --inner-steps 2 --gradient-accumulation-steps 2 --lr-scheduler-type cosine --warmup-steps 3 --max-grad-norm 1 "
                    "--weight-decay 0.01 --num-directions 2",
    "bilevel-patience": "--method bilevel --inner-steps 2 --early-stopping-patience 2 --eval-steps 3",
    "bilevel-svrg": "--method bilevel --inner-steps 1 --variance-reduction svrg --anchor-interval 3 --anchor-batches 2",
    "bilevel-prefix": "--method bilevel-prefix --inner-steps 2",
    "bilevel-prompt": "--method bilevel-prompt --inner-steps 2 --num-virtual-tokens 4",
    "lora": "--method lora",
    "lora-decay": "--method lora --weight-decay 0.01 --lr-scheduler-type linear --lora-target-modules q,k,v,o,gate,up,down --lora-rank 2",
    "mezo": "--method mezo",
    "mezo-max-step": "--method mezo --outer-optimizer momentum --max-step-norm 0.05 --num-directions 3",
    "mezo-adam": "--method mezo-adam",
    "mezo-lora": "--method mezo-lora",
    "mezo-prefix": "--method mezo-prefix",
    "mezo-prompt-storm": "--method mezo-prompt --num-virtual-tokens 4 --variance-reduction storm",
    "svrg": "--method mezo-svrg --anchor-interval 3 --anchor-batches 2",
    "fzoo": "--method fzoo --num-directions 4",
    "lozo": "--method lozo --direction-interval 3",
    "lozo-spider": "--method lozo --direction-interval 3 --outer-optimizer rms-scalar --variance-reduction spider --anchor-interval 3 "
                   "--anchor-batches 2",
    "sparse": "--method sparse",
}
META_TRAIN_ALL = ("meta-train --model {model} --tasks {a},{b},{c} --out {run} --device cpu --max-steps 8 --batch-size 4 --seed 7 "
                  f"--zo-learning-rate 1e-4 --lower-learning-rate 0.01 --upper-learning-rate 0.01 --inner-steps 2 --max-eval-samples {VALIDATION_ROWS} "
                  "--curve-points 2")
META_TRAIN = {
    "meta-all-tasks": "",
    "meta-one-task": "--tasks-per-step 1 --sampling tempered",
    "meta-one-task-on-disk": "--tasks-per-step 1 --sampling tempered --max-resident-adapters 1",
    "meta-tied": "--adapters shared",
    "meta-reset": "--adapters reset --reset-interval 3",
    "meta-unseen": "--backbone-examples unseen",
    "meta-joint-lora": "--method joint-lora",
    "meta-joint-mezo": "--method joint-mezo",
    "meta-frozen": "--method frozen",
    "meta-drift": "--method random-sign",
    "meta-svrg": "--variance-reduction svrg --anchor-interval 3 --anchor-batches 2 --tasks-per-step 2",
    "meta-low-rank": "--direction low-rank --direction-interval 3 --num-directions 3 --outer-optimizer rms-scalar",
}
REPLAY = "replay --model {model} --run {run} --json"
ADAPT = ("adapt --model {model} --run {run} --task {a} --device cpu --shots 4 --num-seeds 2 --seed 3 --start mean --max-steps 6 "
         f"--learning-rate 0.01 --batch-size 4 --max-eval-samples {VALIDATION_ROWS} --json")
ADAPTED = ("meta-all-tasks", "meta-one-task")  # the runs that `adapt` goes on from
COMMANDS = {**{name: f"{FINETUNE_ALL} {own}" for name, own in FINETUNE.items()},
            **{name: f"{META_TRAIN_ALL} {own}".strip() for name, own in META_TRAIN.items()}}

# What depends on time or on the folder's place, not on what is computed.
NOT_COMPARED = {"seconds", "step_seconds", "peak_mib", "model", "task"}

# The options that say how a run moves the backbone, as options.toml names them: with these and its trajectory,
# `replay` rebuilds the backbone of a meta-training, which records no hash of it.
THETA_OPTIONS = ("direction", "direction_rank", "direction_interval", "mask_density", "zo_eps", "num_directions", "outer_optimizer",
                 "momentum", "zo_learning_rate", "max_step_norm", "max_steps", "seed")


# ---- one run ---------------------------------------------------------------------------------------------------------

class Failed(Exception):
    """The program ended otherwise than well."""


def call(command: str, threads: int, places: dict) -> str:
    """What `zofo COMMAND` prints with that many threads."""
    unset = ("OMP_", "OPENBLAS_NUM", "GOTO_NUM", "MKL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    environment |= {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    done = program.zofo(*(word.format(**places) for word in command.split()), env=environment)
    if done.code != 0:
        raise Failed(f"zofo {command}: exit {done.code}\n{done.out}{done.err}")
    return done.out


def without_times(value):
    if isinstance(value, dict):
        return {name: without_times(inner) for name, inner in value.items() if name not in NOT_COMPARED}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def describe(data: bytes) -> dict:
    """The hash of an fp32 vector's bytes and two numbers that say how far another is from it: the length, and the
    product with a fixed vector of random-looking signs of length 1."""
    numbers = array.array("f", data)
    signs = (1 - 2 * ((i * 2654435761 >> 16) & 1) for i in range(len(numbers)))
    return {"sha256": hash_of(data), "count": len(numbers),
            "length": math.sqrt(math.fsum(x * x for x in numbers)),
            "projection": math.fsum(s * x for s, x in zip(signs, numbers)) / math.sqrt(max(1, len(numbers)))}


def adapter_of(folder: Path) -> dict:
    """What describes all numbers of an adapter in peft's format, tensors in the order of their names."""
    data = (folder / "adapter_model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    tensors = sorted(header.items())
    if any(entry["dtype"] != "F32" for _, entry in tensors):
        raise Failed(f"{folder}: a tensor that is not F32")
    return {"tensors": len(tensors),
            **describe(b"".join(data[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]]
                                for _, entry in tensors))}


def vectors_of(path: Path) -> dict:
    """The hash of each vector of a saved state: adapters that are not served, and moments."""
    data = path.read_bytes()
    if not data.startswith(b"ZOFOSTA1"):
        raise Failed(f"{path}: begins with {data[:8]}: this form of a saved state is not known to record_runs.py")
    at = 16 + int.from_bytes(data[8:16], "little")
    out = {}
    for name, count in json.loads(data[16:at])["vectors"]:
        if count > 0:
            out[name] = hash_of(data[at:at + 4 * count])
        at += 4 * count
    return out


def theta_of_meta(run: Path, threads: int, places: dict) -> str:
    """The hash of the backbone that a meta-training came to, by `replay` of its trajectory as one of MeZO's."""
    names = "|".join(THETA_OPTIONS)
    lines = re.findall(rf"^(?:{names}) = .*$", (run / "options.toml").read_text(), re.MULTILINE)
    if len(lines) != len(THETA_OPTIONS):
        raise Failed(f"{run}/options.toml: {len(lines)} of the options {', '.join(THETA_OPTIONS)}")
    folder = run.with_name(run.name + "-theta")
    folder.mkdir()
    (folder / "options.toml").write_text("\n".join(["method = 'mezo'", "adapter = 'none'", "device = 'cpu'", *lines, ""]))
    shutil.copy(run / "trajectory.jsonl", folder)
    return json.loads(call(REPLAY, threads, {**places, "run": folder}))["hash"]


def values_of(name: str, threads: int, places: dict) -> dict:
    """Makes the run of that name and returns all it came to but times and memory."""
    run = places["folder"] / f"{name}-{threads}"
    places = {**places, "run": run}
    call(COMMANDS[name], threads, places)
    result = json.loads((run / "result.json").read_text())
    values = {"result": without_times(result["methods"][0] if name in FINETUNE else result),
              "metrics": without_times(program.rows(run / "metrics.jsonl")),
              "trajectory": [[row[field] for field in ("at", "seed", "step", "query", "coefficient")]
                             for row in program.rows(run / "trajectory.jsonl")],
              "adapters": {str(file.parent.relative_to(run)): adapter_of(file.parent)
                           for file in sorted(run.rglob("adapter_model.safetensors"))},
              "state": vectors_of(run / "state.bin")}
    if name in FINETUNE:
        values["served"] = json.loads((run / "served.json").read_text())
        values["replayed"] = without_times(json.loads(call(REPLAY, threads, places)))
    else:
        values["theta_hash"] = theta_of_meta(run, threads, places)
    if name in ADAPTED:
        values["adapted"] = [without_times(json.loads(line)) for line in call(ADAPT, threads, places).splitlines()]
    return values


def make_places(folder: Path) -> dict:
    """The model and the tasks, in a folder. Needs program.tiny(), which needs program.PROGRAM."""
    places = {"folder": folder, "model": program.tiny() / "tiny.gguf"}
    rows = {name: (program.tiny() / "tiny_task" / f"{name}.jsonl").read_text().splitlines(keepends=True)
            for name in ("train", "validation")}
    for name, start, count, yes in (("task", 0, 120, " yes"), ("a", 0, 60, " yes"), ("b", 100, 90, " river"),
                                    ("c", 200, 40, " light")):
        places[name] = folder / name
        places[name].mkdir()
        (places[name] / "task.toml").write_text(program.TASK.replace('"tiny"', f'"{name}"').replace(" yes", yes))
        for file, lines in rows.items():
            length = count if file == "train" else 48
            (places[name] / f"{file}.jsonl").write_text("".join(lines[start:start + length]))
    return places


def inputs_of(places: dict) -> dict:
    """Hashes of the model and the tasks: where these differ, no run can be the same."""
    files = [places["model"], *(file for task in ("task", "a", "b", "c") for file in sorted(places[task].iterdir()))]
    return {f"{file.parent.name}/{file.name}" if file != places["model"] else file.name:
            hash_of(file.read_bytes()) for file in files}


# ---- what the bits depend on -----------------------------------------------------------------------------------------

# The extensions that the compiler (-march=native), OpenBLAS and the C library choose their code by.
EXTENSIONS = re.compile(r"sse.*|ssse3|pni|avx.*|amx.*|fma.*|f16c|bmi[12]|popcnt|abm|sve.*|asimd.*|fphp|bf16")


def processor() -> dict:
    fields = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    extensions = (fields.get("flags") or fields.get("Features") or "").split()
    return {"machine": platform.machine(), "name": fields.get("model name", ""),
            **{name: fields.get(name, "") for name in ("vendor_id", "cpu family", "model")},
            "extensions": " ".join(sorted(filter(EXTENSIONS.fullmatch, extensions)))}


def blas(path: str) -> dict:
    """The version of the OpenBLAS that the program loads, and the kernels that it picks on this processor."""
    found = re.search(r"openblas\S* => (\S+)", subprocess.run(["ldd", path], capture_output=True, text=True).stdout)
    if not found:
        return {"version": "unknown", "kernels": "unknown"}
    library = ctypes.CDLL(found[1])
    answers = {}
    for name, function in (("version", "openblas_get_config"), ("kernels", "openblas_get_corename")):
        ask = getattr(library, function)
        ask.restype = ctypes.c_char_p
        answers[name] = ask().decode()
    answers["version"] = " ".join(answers["version"].split()[:2])
    return answers


def flags(path: Path) -> str:
    """The flags that all sources of zofo::llm, which computes the runs, were compiled with, of those that decide on bits;
    "unknown" where the program is in no build folder."""
    for folder in path.parents:
        if (folder / "compile_commands.json").exists():
            break
    else:
        return "unknown"
    lines = [entry["command"] for entry in json.loads((folder / "compile_commands.json").read_text())
             if "zofo_llm.dir/" in entry["command"] and entry["file"].endswith((".cpp", ".cxx"))]
    if not lines:
        raise Failed(f"{folder}/compile_commands.json: no source of zofo_llm: record_runs.py looks for that name")
    # The prefix map names the folder of the checkout, and decides on no bit.
    sets = [[word for word in line.split() if re.match(r"-(O|m|f(?!file-prefix-map)|std=|DNDEBUG)", word)] for line in lines]
    return " ".join(word for word in sets[0] if all(word in other for other in sets))


@functools.cache
def signature(path: str) -> dict:
    """What the bits of a run depend on beside the program's source. Where all this is the same, so must the bits be."""
    compilers = sorted(set(re.findall(rb"(?:GCC: \(|clang version )[ -~]+", Path(path).read_bytes())))
    return {"processor": processor(), "two_cores": len(os.sched_getaffinity(0)) >= 2, "openblas": blas(path),
            "c_library": " ".join(platform.libc_ver()), "compiler": "; ".join(text.decode() for text in compilers),
            "flags": flags(Path(path).resolve())}


# ---- the record ------------------------------------------------------------------------------------------------------

def text_of(value, indent=0) -> str:
    """JSON in which what is short or has nothing inside stands on one line."""
    flat = json.dumps(value)
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if len(flat) + indent <= 118 or not any(isinstance(inner, (dict, list)) and inner for inner in inside):
        return flat
    if isinstance(value, dict):
        lines = [f"{json.dumps(name)}: {text_of(inner, indent + 1)}" for name, inner in value.items()]
    else:
        lines = [text_of(inner, indent + 1) for inner in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}\n" + ",\n".join(" " * (indent + 1) + line for line in lines) + f"\n{' ' * indent}{end}"


def read_record() -> dict:
    return json.loads(RECORD.read_text()) if RECORD.exists() else {"machines": []}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="path of zofo")
    parser.add_argument("--commit", help="what the program was built from")
    given = parser.parse_args()
    program.PROGRAM = os.path.abspath(given.program)
    commit = given.commit or subprocess.run(["git", "-C", os.path.dirname(program.PROGRAM), "rev-parse", "--short", "HEAD"],
                                            capture_output=True, text=True, check=True).stdout.strip()
    folder = Path(tempfile.mkdtemp(prefix="zofo-golden-"))
    try:
        places = make_places(folder)
        runs = {}
        for name in COMMANDS:
            runs[name] = {str(threads): values_of(name, threads, places) for threads in THREADS}
            print(name, file=sys.stderr)
        here = {"commit": commit, "signature": signature(program.PROGRAM), "inputs": inputs_of(places), "runs": runs}
    except Failed as error:
        sys.exit(f"record_runs.py: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    record = read_record()
    machines = record["machines"]
    place = next((i for i, each in enumerate(machines) if each["signature"] == here["signature"]), len(machines))
    record = {"about": "made by tests/golden/record_runs.py, compared by tests/cli/golden_runs_test.py",
              "commands": {**COMMANDS, "adapt": ADAPT, "replay": REPLAY},
              # The first machine's record is the one that other machines are compared with.
              "machines": [*machines[:place], here, *machines[place + 1:]]}
    RECORD.write_text(text_of(record) + "\n")


if __name__ == "__main__":
    main()
