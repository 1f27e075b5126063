#!/usr/bin/env python3
"""What `zofo export` writes as GGUF files, opened by llama.cpp (package xllamacpp).

export_gguf.py PATH_OF_ZOFO

Random checkpoints of Llama and Qwen 2, made by transformers with the tokenizers of tests/golden, as files of every --dtype:
llama.cpp must read them with the same token ids, and its log-probabilities of tokens must be those of `zofo score` with the
same file, up to the rounding of activations in llama.cpp, to bf16 or 8 bits. The same for the LoRA of a run over each of the
models, as --format gguf-lora. Widths are whole blocks of 256 numbers, and of 32 only.

Runs on the CPU; pip install torch transformers gguf xllamacpp.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

GOLDEN = pathlib.Path(__file__).parents[1] / "tokenizers"
DTYPES = ("f32", "f16", "bf16", "q8_0", "q6_k", "q4_k_m", "q4_0")
TEXTS = ["The mill was great; the bread it gave was", "naïve café  1234 don't\n\n x", "東京 雨が降る 😀"]
OPTIONS = [" terrible", " great", " good and bad"]


def serve(model, lora):
    """llama.cpp with a model; prints its address and ends with standard input."""
    import xllamacpp
    p = xllamacpp.CommonParams()
    p.model.path, p.hostnames, p.port = model, ["127.0.0.1"], 18771
    p.n_ctx, p.n_parallel, p.warmup, p.n_predict, p.verbosity, p.fit_params = 256, 1, False, 1, 0, False
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
    p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    # Its flash attention on the CPU rounds to fp16.
    p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if lora:
        p.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(lora, 1.0)]
    server = xllamacpp.Server(p)
    print("ADDRESS", server.listening_address, flush=True)
    sys.stdin.read()


class LlamaCpp:
    def __init__(self, model, lora=""):
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", str(model), str(lora)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line.startswith("ADDRESS"):
                address = line.split(None, 1)[1].strip()
                self.address = address if address.startswith("http") else "http://" + address
                return
        raise RuntimeError("llama.cpp refuses: " + self.process.stderr.read()[-800:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)

    def ask(self, what, body):
        request = urllib.request.Request(self.address + what, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())

    def ids(self, text):
        return self.ask("/tokenize", {"content": text, "add_special": True})["tokens"]

    def log_probability(self, prompt, option, rows):
        total = 0.0
        for i, token in enumerate(option):
            answer = self.ask("/completion", {"prompt": prompt + option[:i], "n_predict": 1, "n_probs": rows, "temperature": 0,
                                              "cache_prompt": False, "logit_bias": [[token, 1000]]})
            top = answer["completion_probabilities"][0]["top_logprobs"]
            total += next(each["logprob"] for each in top if each["id"] == token)
        return total


def zofo(*arguments, stdin=""):
    done = subprocess.run([sys.argv[1], *map(str, arguments)], input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"zofo {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


def zofo_ids(model, text):
    return json.loads(zofo("tokenize", "--json", "--model", model, stdin=json.dumps(text) + "\n"))


def scores(model, *more):
    lines = "".join(json.dumps({"prompt": text, "options": OPTIONS}) + "\n" for text in TEXTS)
    return [json.loads(line)["logprobs"] for line in zofo("score", "--model", model, *more, stdin=lines).splitlines()]


def checkpoint(folder, kind, width, tied):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM
    document = json.loads((GOLDEN / ("qwen2" if kind == "qwen2" else "smollm2") / "tokenizer.json").read_text())
    document["added_tokens"] = [t for t in document["added_tokens"] if not (t["lstrip"] or t["rstrip"] or t["single_word"])]
    rows = max([*document["model"]["vocab"].values(), *(t["id"] for t in document["added_tokens"])]) + 1
    config, model = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM)}[kind]
    torch.manual_seed(3)
    made = model(config(vocab_size=rows, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=4, num_attention_heads=4,
                        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=tied, initializer_range=0.05))
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "bias" in name:
                weight.normal_(0.0, 0.1)
    made.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(document))
    return rows


def main():
    failed = False

    def check(what, good, detail=""):
        nonlocal failed
        failed |= not good
        print(f"{'ok' if good else 'WRONG'}: {what} {detail}", flush=True)

    def compare(what, model, rows, wanted, allowed, lora=""):
        with LlamaCpp(model, lora) as llama:
            prompts = [llama.ids(text) for text in TEXTS]
            check(f"{what}: ids", prompts == [zofo_ids(model, text) for text in TEXTS])
            # The option behind the prompt, as zofo encodes it: no merge crosses its blank.
            options = [zofo_ids(model, option) for option in OPTIONS]
            got = [[llama.log_probability(p, o, rows) for o in options] for p in prompts]
        off = max(abs(a - b) for x, y in zip(got, wanted) for a, b in zip(x, y))
        check(f"{what}: log-probabilities", off < allowed, f"differ by {off:.2g}")

    for kind, width, tied in (("llama", 256, False), ("llama", 96, True), ("qwen2", 256, True)):
        with tempfile.TemporaryDirectory() as name:
            here = pathlib.Path(name)
            rows = checkpoint(here / "model", kind, width, tied)
            exact = scores(here / "model")
            for dtype in DTYPES:
                file = here / f"{dtype}.gguf"
                zofo("export", "--model", here / "model", "--format", "gguf", "--dtype", dtype, "--out", file)
                rounded = dtype not in ("f32", "f16")  # llama.cpp rounds activations too
                wanted = scores(file)
                rounding = max(abs(a - b) for x, y in zip(exact, wanted) for a, b in zip(x, y))
                print(f"{kind} {width} {dtype}: the rounding of weights changes log-probabilities by at most {rounding:.2g}")
                compare(f"{kind} {width} {dtype}", file, rows, wanted, 0.3 if rounded else 0.02)
            task = here / "task"
            task.mkdir()
            (task / "task.toml").write_text('prompt = "{text} It was"\noptions = [" terrible", " great"]\nlabel_field = "label"\n'
                                            "[label_map]\n0 = 0\n1 = 1\n")
            lines = "".join(json.dumps({"text": f"stone {i} {'good' if i % 2 else 'bad'}", "label": i % 2}) + "\n" for i in range(24))
            for part in ("train", "validation"):
                (task / f"{part}.jsonl").write_text(lines)
            model, run, lora = here / "f32.gguf", here / "run", here / "lora.gguf"
            zofo("finetune", "--model", model, "--task", task, "--method", "lora", "--out", run, "--max-steps", 20, "--lower-learning-rate",
                 0.05, "--lora-target-modules", "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj")
            zofo("export", "--model", model, "--run", run, "--format", "gguf-lora", "--out", lora)
            wanted = scores(model, "--run", run)
            check(f"{kind} {width}: the LoRA by --adapter", scores(model, "--adapter", lora) == wanted)
            moved = max(abs(a - b) for x, y in zip(exact, wanted) for a, b in zip(x, y))
            check(f"{kind} {width}: the LoRA changes a score by {moved:.2g}", moved > 0.1)
            compare(f"{kind} {width} LoRA", model, rows, wanted, 0.02, lora)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(serve(*sys.argv[2:]) if sys.argv[1] == "--serve" else main())
