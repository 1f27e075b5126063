#!/usr/bin/env python3
"""Event files as the package tensorboard writes and reads them.

tensorboard_events.py                 writes tests/golden/tensorboard: an event file and what is in it
tensorboard_events.py --check RUN…    reads the event files of run folders as TensorBoard does, and compares every number with
                                      the run's metrics.jsonl

Needs the packages tensorboard and protobuf; tests/cli/tracking_test.py runs the check where they are installed.
"""

import argparse
import json
import pathlib
import struct
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "tensorboard"
# wall time, then what the event has
EVENTS = [
    {"wall_time": 1.5e9, "file_version": "brain.Event:2"},
    {"wall_time": 1500000000.25, "step": 3, "start": True},
    {"wall_time": 1500000001.0, "step": 0, "scalars": [["train/upper", 0.6931471805599453]]},
    {"wall_time": 1500000002.5, "step": 1, "scalars": [["train/upper", 0.0], ["train/rho", -1.5], ["held_out/loss/été", 1e-45]]},
    {"wall_time": 1500000003.0, "step": 300, "scalars": [["learning_rate/zo", 1e-6], ["a" * 200, 3e38]]},
    {"wall_time": 1700000000.123, "step": 4294967296, "scalars": [["time/seconds", 86400.5]]},
]


def message(event: dict) -> bytes:
    made = event_pb2.Event(wall_time=event["wall_time"], step=event.get("step", 0))
    if "file_version" in event:
        made.file_version = event["file_version"]
    elif "start" in event:
        made.session_log.status = event_pb2.SessionLog.START
    else:
        made.summary.CopyFrom(summary_pb2.Summary(
            value=[summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in event["scalars"]]))
    return made.SerializeToString(deterministic=True)


def write():
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / "events.out.tfevents.golden"
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for event in EVENTS:
            writer.write(message(event))
        writer.flush()
    (FOLDER / "events.json").write_text(json.dumps(EVENTS, indent=1, ensure_ascii=False) + "\n")


# The tags of a step's fields, as docs/guide/following-a-run.md lists them.
STEP = {"train/upper": "upper", "train/lower_p": "lower_p", "train/lower_s": "lower_s", "train/inner_s": "inner_s", "train/inner_p": "inner_p",
        "train/rho": "rho", "train/penalty": "penalty", "learning_rate/zo": "zo_learning_rate", "learning_rate/lower": "lower_learning_rate",
        "learning_rate/upper": "upper_learning_rate", "time/step_seconds": "step_seconds", "time/seconds": "seconds", "memory/peak_mib": "peak_mib"}
SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "exact_match", "f1")
GROUPS = {"curve": "held_out", "decision": "validation", "before": "result", "after": "result", "final": "result"}


def single(value: float) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0]


def wanted(run: pathlib.Path) -> dict:
    """tag -> [(steps taken, number)] of a run's metrics.jsonl."""
    found = {}
    for text in (run / "metrics.jsonl").read_text().splitlines():
        line = json.loads(text)
        if line["event"] == "step":
            pairs = [(tag, line.get(field)) for tag, field in STEP.items()]
            steps = line["step"] + 1
        else:
            group = GROUPS[line["event"]]
            pairs = [(f"{group}/{field}", line.get(field)) for field in SCORES]
            steps = line["step"]
        for tag, value in pairs:
            if value is not None:
                found.setdefault(tag, []).append((steps, single(value)))
    return found


def check(run: pathlib.Path):
    reader = event_accumulator.EventAccumulator(str(run), size_guidance={event_accumulator.SCALARS: 0})
    reader.Reload()
    # The numbers of each task of a meta-training have one more part in their names.
    got = {tag: [(event.step, event.value) for event in reader.Scalars(tag)] for tag in reader.Tags()["scalars"] if tag.count("/") == 1}
    want = wanted(run)
    for tag in sorted(set(got) | set(want)):
        if got.get(tag) != want.get(tag):
            sys.exit(f"{run}: {tag}: TensorBoard reads {got.get(tag)}\nmetrics.jsonl has {want.get(tag)}")
    print(f"{run}: {sum(map(len, got.values()))} numbers of {len(got)} tags are those of metrics.jsonl")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", nargs="+", type=pathlib.Path, metavar="RUN")
    runs = arguments.parse_args().check
    if not runs:
        write()
    for run in runs or ():
        check(run)


if __name__ == "__main__":
    main()
