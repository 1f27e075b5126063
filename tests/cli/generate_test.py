"""zofo generate: prompts in, what the model writes after them out."""

import collections
import json
import re
import string
import subprocess
import unittest

import program
from program import Case, zofo

CONTEXT = 256
PROMPTS = (" stone river superb :", " awful", " table north seven glass sound", "a", " light light", " paper:",
           " green field best yes", "no no no no no no no no no no")
WRITTEN = """kind = "generate"
prompt = " {text} :"
continuation = " {answer}\\n"
answers_field = "text"
max_new_tokens = 12
stop = "%s"
"""


class Generate(Case):
    def generate(self, *arguments, stdin="", **options):
        return zofo("generate", "--model", self.model, *arguments, stdin=stdin, **options)

    def texts(self, prompts, *arguments) -> list:
        lines = "".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts)
        answers = self.good(self.generate(*arguments, stdin=lines)).lines()
        self.assertEqual(len(answers), len(prompts))
        for answer, prompt in zip(answers, prompts):
            self.assertEqual(set(answer), {"text", "tokens", "prompt_tokens", "end"})
            self.assertEqual(answer["prompt_tokens"], len(self.ids(prompt)))
        return answers


class Texts(Generate):
    def test_a_token_is_the_one_that_scores_highest(self):
        options = [chr(c) for c in range(0x21, 0x7F)] + [" no", " yes", " stone", " superb", " worst", " field"]
        checked = 0
        prompts = [f" {word}{end}" for word in ("stone", "river", "superb", "no", "yes awful") for end in ("", " :", "!", "x")]
        for prompt, answer in zip(prompts, self.texts(prompts, "--max-new-tokens", 1)):
            self.assertEqual((answer["tokens"], answer["end"]), (1, "length"))
            text = answer["text"]
            if "\ufffd" in text or "\n" in text or len(self.ids(text)) != 1:
                continue  # a part of a character, or no text that is read as this token
            (scores,) = self.good(self.score([(prompt, [text, *options])])).lines()
            self.assertEqual(scores["logprobs"][scores["best"]], scores["logprobs"][0], (prompt, text))
            checked += 1
        self.assertGreater(checked, 2)

    def test_a_text_goes_on_as_its_beginning_does(self):
        checked = 0
        for prompt, long, short in zip(PROMPTS, self.texts(PROMPTS, "--max-new-tokens", 9), self.texts(PROMPTS, "--max-new-tokens", 4)):
            self.assertTrue(long["text"].startswith(short["text"].rstrip("\ufffd")))
            both = prompt + short["text"]
            if "\ufffd" in both or "\n" in both or len(self.ids(both)) != len(self.ids(prompt)) + 4:
                continue
            (rest,) = self.texts([both], "--max-new-tokens", 5)
            self.assertEqual(short["text"] + rest["text"], long["text"])
            checked += 1
        self.assertGreater(checked, 0)

    def test_each_text_is_the_same_in_any_company(self):
        alone = [self.texts([prompt], "--max-new-tokens", 12)[0] for prompt in PROMPTS]
        for batch in (0, 1, 3):
            self.assertEqual(self.texts(PROMPTS, "--max-new-tokens", 12, "--batch-size", batch), alone)
        self.assertGreater(len({answer["text"] for answer in alone}), 3)

    def test_prompts_of_the_command_line(self):
        (answer,) = self.texts([PROMPTS[0]], "--max-new-tokens", 7)
        one = subprocess.run([program.PROGRAM, "generate", "--model", self.model, "--prompt", PROMPTS[0], "--max-new-tokens", "7"],
                             capture_output=True, check=True, env=program.ENVIRONMENT)
        self.assertEqual(one.stdout.decode(errors="replace"), answer["text"] + "\n")
        as_json = self.good(self.generate("--prompt", PROMPTS[0], "--max-new-tokens", 7, "--json"))
        self.assertEqual(as_json.json(), answer)
        many = [flag for prompt in PROMPTS[:3] for flag in ("--prompt", prompt)]
        self.assertEqual(self.good(self.generate(*many, "--json", "--max-new-tokens", 5)).lines(),
                         self.texts(PROMPTS[:3], "--max-new-tokens", 5))
        self.assertIn(answer["text"][:1], self.good(self.generate(*many, "--max-new-tokens", 5)).out)

    def test_a_stop_ends_the_text_before_it(self):
        checked = 0
        for prompt, whole in zip(PROMPTS, self.texts(PROMPTS, "--max-new-tokens", 12)):
            stop = next((c for c in whole["text"] if c.isascii() and c.isprintable()), None)
            if stop is None:
                continue
            (cut,) = self.texts([prompt], "--max-new-tokens", 12, "--stop", stop)
            self.assertEqual(cut["end"], "stop")
            self.assertEqual(cut["text"].rstrip("\ufffd"), whole["text"].split(stop)[0].rstrip("\ufffd"))
            shown = self.good(self.generate("--prompt", prompt, "--max-new-tokens", 12, "--stop", stop)).out
            self.assertEqual(shown, cut["text"] + "\n")
            checked += 1
        self.assertGreater(checked, 2)

    def test_several_stops(self):
        (whole,) = self.texts([PROMPTS[0]], "--max-new-tokens", 12)
        letters = [c for c in dict.fromkeys(whole["text"]) if c.isascii() and c.isprintable()]
        for stops in (letters[:2], letters[1::-1], [letters[-1], "not there"]):
            (cut,) = self.texts([PROMPTS[0]], "--max-new-tokens", 12, *(flag for stop in stops for flag in ("--stop", stop)))
            at = min(whole["text"].find(stop) for stop in stops if stop in whole["text"])
            self.assertEqual((cut["text"].rstrip("\ufffd"), cut["end"]), (whole["text"][:at].rstrip("\ufffd"), "stop"))

    def test_samples_are_keyed_by_seed_prompt_and_number(self):
        sampling = ("--temperature", 1.2, "--max-new-tokens", 6)
        samples = self.good(self.generate("--prompt", PROMPTS[0], "--prompt", PROMPTS[1], *sampling, "--num-return-sequences", 3,
                                          "--seed", 4, "--json")).lines()
        self.assertEqual([answer.pop("sample") for answer in samples], [0, 1, 2] * 2)
        self.assertGreater(len({answer["text"] for answer in samples}), 3)
        # Fewer of each, one at a time, and without the other prompt.
        lines = "".join(json.dumps({"prompt": prompt, "id": prompt}) + "\n" for prompt in PROMPTS[:2])
        for batch in (1, 2, 5):
            result = self.generate(*sampling, "--num-return-sequences", 2, "--seed", 4, "--batch-size", batch, stdin=lines)
            answers = self.good(result).lines()
            self.assertEqual([answer.pop("id") for answer in answers], [PROMPTS[0]] * 2 + [PROMPTS[1]] * 2)
            self.assertEqual([answer.pop("sample") for answer in answers], [0, 1, 0, 1])
            self.assertEqual(answers, [samples[0], samples[1], samples[3], samples[4]])
        for first in ("\n", "{}\n"):  # the number of a prompt is that of its line
            result = self.generate(*sampling, "--seed", 4, stdin=first + json.dumps({"prompt": PROMPTS[1]}))
            self.assertEqual(result.lines()[-1], samples[3])
        self.assertNotEqual(self.texts(PROMPTS[:2], *sampling, "--seed", 5), [samples[0], samples[3]])
        shown = self.good(self.generate("--prompt", PROMPTS[0], "--max-new-tokens", 6, "--temperature", 1e-6)).out
        self.assertEqual(shown, self.good(self.generate("--prompt", PROMPTS[0], "--max-new-tokens", 6)).out)
        for filters in (("--top-k", 1), ("--top-p", 0), ("--min-p", 1)):
            self.assertEqual(self.texts(PROMPTS, *sampling, *filters), self.texts(PROMPTS, "--max-new-tokens", 6))

    def test_the_context_may_be_filled_but_not_passed(self):
        full, almost = self.texts(["a" * CONTEXT, "a" * (CONTEXT - 3)], "--max-new-tokens", 50)
        self.assertEqual((full["tokens"], full["end"]), (1, "length"))
        self.assertEqual((almost["tokens"], almost["end"]), (3, "length"))

    def test_nobody_waits_for_lines_that_are_not_there(self):
        with subprocess.Popen([program.PROGRAM, "generate", "--model", str(self.model), "--max-new-tokens", "3"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=program.ENVIRONMENT) as process:
            for word in ("stone", "river"):
                line = json.dumps({"prompt": f" {word} :"}) + "\n"
                process.stdin.write(line.encode() + b'{"prompt": ')  # a line and the beginning of another
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline())["tokens"], 3)
                process.stdin.write(b'" a"}\n')
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline())["prompt_tokens"], len(self.ids(" a")))
            process.stdin.close()
            self.assertEqual(process.wait(timeout=30), 0)

    def test_a_run_writes_as_it_was_trained(self):
        run = self.here / "run"
        task = self.make_task("answers", toml=program.TASK.replace("prompt", 'loss = "answer"\nprompt', 1))
        self.good(self.finetune(run, "--method", "lora", "--max-steps", 200, "--lower-learning-rate", 0.01, "--curve-points", 0, task=task))
        prompts = (" stone superb river cloud :", " stone awful river cloud :")
        answers = self.texts(prompts, "--run", run, "--max-new-tokens", 1)
        self.assertEqual([answer["text"] for answer in answers], [" yes", " no"])
        self.assertNotEqual(answers, self.texts(prompts, "--max-new-tokens", 1))

    def test_a_runs_prefix_or_prompt_takes_its_part_of_the_context(self):
        plain = self.texts(PROMPTS[:3], "--max-new-tokens", 6)
        for kind in ("prefix", "prompt"):
            run = self.here / kind
            self.good(self.finetune(run, "--method", "lora", "--adapter", kind, "--max-steps", 30, "--lower-learning-rate", 0.1,
                                    "--curve-points", 0))
            answers = self.texts(PROMPTS[:3], "--run", run, "--max-new-tokens", 6)
            self.assertNotEqual(answers, plain)
            self.assertEqual(answers, [self.texts([prompt], "--run", run, "--max-new-tokens", 6)[0] for prompt in PROMPTS[:3]])
            refused = self.generate("--run", run, "--prompt", "a" * CONTEXT)
            self.refused(refused, f"prompt of {CONTEXT} tokens", "of which the run's adapter takes")
            taken = int(re.search(r"adapter takes (\d+)", refused.err).group(1))
            (full,) = self.texts(["a" * (CONTEXT - taken)], "--run", run)
            self.assertEqual((full["tokens"], full["end"]), (1, "length"))


def words(text: str) -> list:
    """A text as SQuAD 1.1 compares it."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def f1(text: str, reference: str) -> float:
    one, other = words(text), words(reference)
    common = sum((collections.Counter(one) & collections.Counter(other)).values())
    return 2 * common / (len(one) + len(other)) if common else float(one == other)


class Evaluation(Generate):
    def test_written_answers_are_what_generate_writes(self):
        # The first letter that the model writes after a prompt stops the others, so lengths differ.
        held_out = program.rows(self.task / "validation.jsonl")[:9]
        prompts = [f" {row['text']} :" for row in held_out]
        whole = self.texts(prompts, "--max-new-tokens", 12)
        letters = collections.Counter(c for answer in whole for c in answer["text"] if c.isascii() and c.isalpha())
        stop = letters.most_common(1)[0][0] if letters else "e"
        task = self.make_task("written", toml=WRITTEN % stop)
        answers = self.texts(prompts, "--max-new-tokens", 12, "--stop", stop)
        self.assertGreater(len({answer["tokens"] for answer in answers}), 1)
        scores = [f1(answer["text"], row["text"]) for answer, row in zip(answers, held_out)]
        exact = [words(answer["text"]) == words(row["text"]) for answer, row in zip(answers, held_out)]
        report = self.good(self.evaluate("--rows", len(held_out), task=task)).json()
        self.assertAlmostEqual(report["f1"], sum(scores) / len(scores))
        self.assertAlmostEqual(report["exact_match"], sum(exact) / len(exact))

    def test_a_run_reports_what_evaluate_finds(self):
        task = self.make_task("answers", toml=WRITTEN.replace('"text"', '"answer"') % "\\n")
        for file in ("train.jsonl", "validation.jsonl"):
            answered = [{**row, "answer": "yes of course" if row["label"] else "no"} for row in program.rows(task / file)]
            (task / file).write_text("".join(json.dumps(row) + "\n" for row in answered))
        for method in ("lora", "bilevel"):
            with self.subTest(method):
                run = self.here / f"answers of {method}"
                shown = self.good(self.finetune(run, "--method", method, "--max-steps", 60, "--lower-learning-rate", 0.01,
                                                "--upper-learning-rate", 0.01, task=task)).out
                found = self.good(self.evaluate("--run", run, task=task)).json()
                self.assertGreater(found["f1"], 0.0)  # it has learnt to answer
                (entry,) = json.loads((run / "result.json").read_text())["methods"]
                final = [line for line in program.rows(run / "metrics.jsonl") if line["event"] == "final"]
                self.assertEqual(len(final), 1)
                for said in (entry, final[0]):
                    self.assertEqual((said["f1"], said["exact_match"], said["rows"]),
                                     (found["f1"], found["exact_match"], found["rows"]))
                    self.assertIsNone(said["accuracy"])
                self.assertIn(f"exact match {found['exact_match']:.3f}, F1 {found['f1']:.3f}, loss", shown)
                self.assertNotIn("accuracy", shown)
                curve = [line for line in program.rows(run / "metrics.jsonl") if line["event"] == "curve"]
                self.assertTrue(curve)
                self.assertFalse([line for line in curve if "f1" in line])


class BadInput(Generate):
    def test_the_option_and_its_value_are_named(self):
        self.refused(self.generate("--prompt", "a", "--max-new-tokens", 0), "--max-new-tokens 0: must be between 1 and 4194304")
        self.refused(self.generate("--prompt", "a", "--max-new-tokens", 4194305), "--max-new-tokens", "between 1 and 4194304")
        self.refused(self.generate("--prompt", "a", "--max-new-tokens", "9" * 20), "--max-new-tokens: 99999999999999999999")
        self.refused(self.generate("--prompt", "a", "--max-new-tokens", -3), "--max-new-tokens", "-3")
        self.refused(self.generate("--prompt", "a", "--batch-size", 1_000_000), "sequences = 1000000", "[0, 65536]")
        self.refused(self.generate("--prompt", ""), "--prompt: must not be empty")
        self.refused(self.generate("--prompt", "a", "--temperature", -1), "temperature = -1: must be 0", "[1e-6, 1e6]")
        self.refused(self.generate("--prompt", "a", "--temperature", "nan"), "temperature")
        self.refused(self.generate("--prompt", "a", "--temperature", 1, "--top-p", 1.5), "top_p = 1.5: must be in [0, 1]")
        self.refused(self.generate("--prompt", "a", "--temperature", 1, "--min-p", -1), "min_p = -1: must be in [0, 1]")
        self.refused(self.generate("--prompt", "a", "--repetition-penalty", 0), "repetition_penalty = 0: must be in")
        self.refused(self.generate("--prompt", "a", "--top-k", 5), "top_k = 5: has no effect at temperature 0")
        self.refused(self.generate("--prompt", "a", "--top-k", -5), "--top-k", "-5")
        self.refused(self.generate("--prompt", "a", "--num-return-sequences", 0), "num_return_sequences = 0: must be in [1, 65536]")
        self.refused(self.generate("--prompt", "a", "--num-return-sequences", 2), "num_return_sequences = 2", "temperature 0")
        self.refused(self.generate("--prompt", "a", "--stop", "x", "--stop", ""), "stop[1]: must not be empty")
        self.refused(self.generate("--prompt", "a", "--prompt", ""), "--prompt number 2: must not be empty")
        self.refused(self.generate("--prompt", b"ab\xff".decode(errors="surrogateescape")), "--prompt", "byte 2 = 0xFF")
        longer = self.generate("--prompt", "a" * (CONTEXT + 1))
        self.refused(longer, "--prompt: prompt of 257 tokens", "context is 256", "--max-prompt-tokens 256 ")
        self.assertEqual(longer.out, "")
        self.refused(zofo("generate", "--prompt", "a"), "--model")
        self.refused(zofo("generate", "--model", self.here / "none.gguf", "--prompt", "a"), "none.gguf")
        self.refused(self.generate("--prompt", "a", "--run", self.here / "none"), "none/served.json")

    def test_the_line_and_the_field_are_named(self):
        good = json.dumps({"prompt": " stone :"})
        for bad, parts in (
            ('{"prompt": "a"', ("broken JSON",)),
            ("[1]", ("JSON object",)),
            ("{}", ("prompt",)),
            ('{"prompt": 7}', ("prompt", "must be a string")),
            ('{"prompt": ""}', ("must not be empty",)),
            ('{"prompt": "\\ud800"}', ("broken JSON",)),
            (b'{"prompt": "\xff"}', ("invalid UTF-8",)),
            (json.dumps({"prompt": "a" * (CONTEXT + 1)}), ("257 tokens", "context is 256")),
        ):
            with self.subTest(bad[:40]):
                line = bad if isinstance(bad, bytes) else bad.encode()
                result = self.generate("--max-new-tokens", 2, stdin=good.encode() + b"\n\n" + line + b"\n" + good.encode())
                self.answered(result, 1, "stdin:3", *parts)
                self.assertEqual(result.lines()[0], result.lines()[2])  # the lines around it are answered

    def test_other_fields_come_back_and_long_prompts_are_cut(self):
        lines = '{"prompt": "stone", "id": [1]}\n{"id": 2}\n' + json.dumps({"prompt": "a" * 300 + "stone"})
        result = self.generate("--max-new-tokens", 2, "--max-prompt-tokens", 5, stdin=lines)
        self.answered(result, 1, "stdin:2", "prompt")
        first, second, third = result.lines()
        self.assertEqual((first.pop("id"), second["id"]), ([1], 2))
        self.assertEqual(first, third)


if __name__ == "__main__":
    program.main()
