"""zofo score: JSON Lines in, log-probabilities of the options out."""

import json
import math
import unittest

import program
from program import Case, zofo

PROMPT = " stone river superb :"


class Score(Case):
    def answers(self, requests, *arguments):
        """The answers, checked for what holds of all of them."""
        lines = self.good(self.score(requests, *arguments)).lines()
        self.assertEqual(len(lines), len(requests))
        for line, (_, options) in zip(lines, requests):
            self.assertEqual(set(line), {"logprobs", "tokens", "best"})
            self.assertEqual(line["tokens"], [len(self.ids(option)) for option in options])
            self.assertTrue(all(math.isfinite(value) and value < 0 for value in line["logprobs"]))
            self.assertEqual(line["best"], line["logprobs"].index(max(line["logprobs"])))
        return lines

    def assertClose(self, left, right):
        self.assertEqual(len(left), len(right))
        for a, b in zip(left, right):
            self.assertAlmostEqual(a, b, delta=2e-5 * (1 + abs(a)))

    def test_options_of_one_token(self):
        letters = [chr(c) for c in range(0x21, 0x7F)]
        (answer,) = self.answers([(PROMPT, [" no", " yes", *letters])])
        self.assertEqual(set(answer["tokens"]), {1})
        total = sum(map(math.exp, answer["logprobs"]))
        self.assertLess(total, 1)  # they are part of one distribution
        self.assertGreater(total, 0.05)

    def test_options_of_many_tokens(self):
        (answer,) = self.answers([(PROMPT, ["abcd", "nonsense"])])
        self.assertEqual(answer["tokens"], [4, 8])

    def test_a_sum_is_the_chain_of_its_tokens(self):
        word = "xyz"
        (whole,) = self.answers([(PROMPT, [word, " no"])])
        parts = self.answers([(PROMPT + word[:i], [word[i]]) for i in range(len(word))])
        self.assertEqual(self.ids(PROMPT + word), self.ids(PROMPT) + self.ids(word))  # or there would be no chain
        self.assertClose(whole["logprobs"][:1], [sum(part["logprobs"][0] for part in parts)])

    def test_an_option_scores_the_same_in_any_company(self):
        options = [" no", "abc", " yes", " stone field", "z"]
        (together,) = self.answers([(PROMPT, options)])
        alone = self.answers([(PROMPT, [option]) for option in options])
        self.assertClose(together["logprobs"], [one["logprobs"][0] for one in alone])
        (turned,) = self.answers([(PROMPT, options[::-1])])
        self.assertClose(together["logprobs"], turned["logprobs"][::-1])

    def test_lines_are_answered_in_order(self):
        requests = [(f" {word} :", [" no", " yes"]) for word in ("stone", "river", "cloud", "stone")]
        first, second, _, last = self.answers(requests)
        self.assertClose(first["logprobs"], last["logprobs"])
        self.assertGreater(abs(first["logprobs"][0] - second["logprobs"][0]), 1e-3)
        text = '\n{"prompt": " stone :", "options": [" no", " yes"], "extra": [1]}\r\n \t\n'
        (alone,) = self.good(zofo("score", "--model", self.model, stdin=text)).lines()
        self.assertClose(alone["logprobs"], first["logprobs"])  # in another pass, so up to rounding

    def test_the_context_may_be_filled_but_not_passed(self):
        context = 256
        self.answers([("a" * context, ["b", "c"]), ("a" * (context - 2), ["bcd", "b"])])
        longer = self.score([("a", ["b"]), ("a" * (context + 1), ["b"])])
        self.answered(longer, 1, "stdin:2", "257 tokens", "context is 256", "--max-prompt-tokens 256 ")
        longer = self.score([("a" * (context - 1), ["b", "bcd"])])
        self.answered(longer, 0, "stdin:1", "255 tokens", "context is 256", "--max-prompt-tokens 254 ")
        (whole,) = self.answers([("b" * 254, ["b", "bcd"])])
        (cut,) = self.answers([("aaaa" + "b" * 254, ["b", "bcd"])], "--max-prompt-tokens", 254)  # as the message says
        self.assertClose(cut["logprobs"], whole["logprobs"])

    def test_other_fields_come_back(self):
        lines = [{"id": 7, "prompt": PROMPT, "options": [" no", " yes"], "note": {"a": [1, None, "ä"]}, "best": "mine"},
                 {"id": "x", "prompt": 3}, {"prompt": PROMPT, "options": [" no", " yes"]}]
        result = zofo("score", "--model", self.model, stdin="".join(json.dumps(line) + "\n" for line in lines))
        self.answered(result, 1, "stdin:2", "options")
        first, second, third = result.lines()
        self.assertEqual((first["id"], first["note"]), (7, lines[0]["note"]))
        self.assertEqual((first["best"], first["row.best"]), (third["best"], "mine"))  # both are there
        self.assertEqual(second["id"], "x")
        self.assertEqual(set(third), {"logprobs", "tokens", "best"})


class BadRequests(Case):
    def test_the_line_and_the_field_are_named(self):
        good = json.dumps({"prompt": " stone :", "options": [" no", " yes"]})
        for bad, parts in (
            ('{"prompt": "a", "options": ["b"]', ("broken JSON",)),
            ("[1, 2]", ("JSON object",)),
            ("{}", ("prompt",)),
            ('{"prompt": "a"}', ("options",)),
            ('{"prompt": 7, "options": ["b"]}', ("prompt",)),
            ('{"prompt": "a", "options": "b"}', ("options",)),
            ('{"prompt": "a", "options": []}', ("options",)),
            ('{"prompt": "a", "options": ["b", 7]}', ("options",)),
            ('{"prompt": "a", "options": ["b", ""]}', ("options[1]", "zero tokens")),
            ('{"prompt": "", "options": ["b"]}', ("prompt", "zero tokens")),
            ('{"prompt": "a", "options": ["b"], "n": 1e999}', ("1e999",)),
            ('{"prompt": "\\ud800", "options": ["b"]}', ("broken JSON",)),
            ("[" * 100_000, ("broken JSON",)),
            (b'{"prompt": "\xff", "options": ["b"]}', ("invalid UTF-8",)),
        ):
            with self.subTest(bad[:60]):
                line = bad if isinstance(bad, bytes) else bad.encode()
                result = zofo("score", "--model", self.model, stdin=good.encode() + b"\n\n" + line + b"\n" + good.encode())
                self.answered(result, 1, "stdin:3", *parts)
                first, _, last = result.lines()  # the lines around it are answered
                self.assertEqual(first["best"], last["best"])

    def test_a_group_of_bad_lines_is_answered_line_by_line(self):
        result = zofo("score", "--model", self.model, stdin="x\n" * 10_000)
        self.answered(result, 9_999, "stdin:10000")
        self.assertEqual(len(result.lines()), 10_000)
        self.assertIn("10000 lines were answered by an error", result.err)


class ScoreOfARun(Case):
    def test_a_run_changes_the_answers_as_it_was_trained(self):
        run = self.here / "run"
        self.good(self.finetune(run, "--method", "lora", "--max-steps", 200, "--lower-learning-rate", 0.01, "--curve-points", 0))
        requests = [(" stone superb river cloud :", [" no", " yes"]), (" stone awful river cloud :", [" no", " yes"])]
        answers = self.good(self.score(requests, "--run", run)).lines()
        self.assertEqual([answer["best"] for answer in answers], [1, 0])
        self.assertNotEqual(answers, self.good(self.score(requests)).lines())

    def test_bad_run_folders(self):
        request = [(" stone :", [" no", " yes"])]
        self.refused(self.score(request, "--run", self.here / "none"), "none/served.json")
        run = self.here / "run"
        self.good(self.finetune(run))
        adapter, trajectory = run / "adapter" / "adapter_model.safetensors", run / "trajectory.jsonl"
        whole, moves = adapter.read_bytes(), trajectory.read_text()
        for bad in (b"", b"something else", whole[:12], whole[:-4], whole + b"abcd"):
            adapter.write_bytes(bad)
            self.refused(self.score(request, "--run", run), str(adapter))
        adapter.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        self.refused(self.score(request, "--run", run), f"{run}/adapter: its values have the hash")
        adapter.write_bytes(whole)
        served = run / "served.json"
        said = served.read_text()
        for bad in ("", said[:-4], said.replace("served", "sirved"), said.replace('er"', 'est"'), "[]", '{"served": 3}'):
            served.write_text(bad)
            self.refused(self.score(request, "--run", run), str(served))
        served.write_text(said)
        trajectory.write_text(moves + '{"seed": 1')
        self.refused(self.score(request, "--run", run), f"{trajectory}:{len(moves.splitlines()) + 1}")


if __name__ == "__main__":
    program.main()
