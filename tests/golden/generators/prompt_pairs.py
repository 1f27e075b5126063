#!/usr/bin/env python3
"""The ids of a prompt and of the text after it, as lm-evaluation-harness divides them (pip install tokenizers; compare also
needs torch and transformers).

  prompt_pairs.py golden               writes tests/golden/tokenizers/pairs.json with the tokenizers of that folder
  prompt_pairs.py compare ZOFO DATA [ROWS]
                                       compares `ZOFO score` and `ZOFO evaluate` with transformers on the first rows of the tasks in
                                       DATA, with a tiny random model for each of those tokenizers
"""
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDER = ROOT / "tests/golden/tokenizers"
PAIRS = [
    ("The bread was", " great"), ("The bread was", " terrible"), ("Was it warm?\n", "No"), ("Was it warm?\n\n", "Yes"), ("Answer:", " no"),
    ("Answer: ", "no"), ("Answer:  ", " no"), ("Answer:\n \n", "the mill"), ("In 19", "87"), ("the riv", "er runs"), ("the r", "iver"),
    ("It", "'s fine"), ("She", "'ll say"), ("caf", "\u00e9"), ("cafe", "\u0301 au lait"), ("wor", "dly"), ("a <str", "ip> b"), ("a", "<strip>b"),
    ("<strip> ", "a"), ("", "the river"), ("\n", "the"), ("the \u3000", "river"), ("a" * 30, "a" * 3), ("if (value", " > 10) {\n"),
    ("\u4eca\u65e5\u306f", "\u5929\u6c17"), ("\U0001f468\u200d", "\U0001f469"), ("the\x1f", "mill"), ("\u0130", "stanbul"), ("7", "7"), ("(", "))"),
]


def divide(encode, prompt, text):
    """Source: lm-evaluation-harness, TemplateLM._encode_pair: what white space ends the prompt belongs to the text. That is done only
    where the prompt's ids don't begin the whole's."""
    whole, before = encode(prompt + text), encode(prompt)
    if whole[:len(before)] != before and prompt.rstrip():
        before = encode(prompt.rstrip())
    return before, whole[len(before):]


def families():
    return sorted(p.parent for p in FOLDER.glob("*/tokenizer.json"))


def write_golden(_):
    lines = [f'"pairs": {json.dumps(PAIRS)}']
    for folder in families():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.encode_special_tokens = True
        rows = [divide(lambda text, t=tokenizer: t.encode(text).ids, *pair) for pair in PAIRS]
        lines.append(f'"{folder.name}": {json.dumps(rows, separators=(",", ":"))}')
    (FOLDER / "pairs.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")


def tiny_model(folder, rows):
    import torch
    import transformers
    torch.manual_seed(0)
    config = transformers.LlamaConfig(vocab_size=rows, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                                      intermediate_size=48, max_position_embeddings=2048)
    model = transformers.LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for tensor in model.parameters():
            if tensor.ndim == 2:
                tensor.copy_(torch.randn_like(tensor) * 0.3)
    model.save_pretrained(folder)
    return model


def score(model, prompt, text):
    import torch
    with torch.no_grad():
        logits = model(torch.tensor([prompt + text])).logits[0].double()
    logs = torch.log_softmax(logits, -1)
    return sum(logs[len(prompt) - 1 + i, token].item() for i, token in enumerate(text))


def choice_rows(data, name, most):
    """(prompts and labels of a task, its options) for tasks whose template only inserts fields."""
    task = tomllib.loads((ROOT / "tasks" / name / "task.toml").read_text(encoding="utf-8"))
    if "options" not in task or {"values", "gap", "replace", "candidates", "one_hot_fields"} & task.keys() or "|" in task["prompt"]:
        return None
    rows = [json.loads(line) for line in (data / name / "validation.jsonl").read_text(encoding="utf-8").split("\n") if line][:most]
    render = lambda row: re.sub(r"\{(\w+)\}", lambda m: str(row[m.group(1)]), task["prompt"])  # noqa: E731
    numbers = {key.lower(): value for key, value in task["label_map"].items()}
    labels = [numbers.get(str(row[task["label_field"]]).lower()) for row in rows]
    if None in labels:
        return None
    return [render(row) for row in rows], labels, task["options"]


def run(program, *arguments, text=None):
    return subprocess.run([program, *map(str, arguments), "--device", "cpu"], input=text, check=True, text=True, stdout=subprocess.PIPE).stdout


def compare(arguments):
    program, data, wrong = arguments[0], pathlib.Path(arguments[1]), 0
    most = int(arguments[2]) if len(arguments) > 2 else 12
    for folder in families():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        encode = lambda text, t=tokenizer: t.encode(text).ids  # noqa: E731
        tokenizer.encode_special_tokens = True
        with tempfile.TemporaryDirectory() as made:
            model = tiny_model(made, tokenizer.get_vocab_size())
            (pathlib.Path(made) / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
            for path in sorted(data.iterdir()):
                found = choice_rows(data, path.name, most) if (ROOT / "tasks" / path.name).is_dir() else None
                if found is None:
                    continue
                prompts, labels, options = found
                wanted = [[score(model, *divide(encode, prompt, option)) for option in options] for prompt in prompts]
                requests = "".join(json.dumps({"prompt": prompt, "options": options}) + "\n" for prompt in prompts)
                got = [json.loads(line)["logprobs"] for line in run(program, "score", "--model", made, text=requests).splitlines()]
                worst = max(abs(a - b) for x, y in zip(wanted, got) for a, b in zip(x, y))
                loss = sum(math.log(sum(map(math.exp, row))) - row[label] for row, label in zip(wanted, labels)) / len(labels)
                report = json.loads(run(program, "evaluate", "--model", made, "--task", path.name, "--data", data, "--tasks",
                                        ROOT / "tasks", "--max-eval-samples", len(labels), "--json"))
                wrong += worst > 1e-3 or abs(loss - report["loss"]) > 1e-4
                print(f"{folder.name} {path.name}: score differs by {worst:.2e}, loss {report['loss']:.5f}, transformers {loss:.5f}", flush=True)
    print("differences:", wrong)
    return wrong != 0


def main():
    modes = {"golden": write_golden, "compare": compare}
    if len(sys.argv) < 2 or sys.argv[1] not in modes:
        sys.exit(__doc__)
    return modes[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
