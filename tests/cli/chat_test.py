"""Free text and conversations: zofo finetune, evaluate, task init and generate on them."""

import json
import math
import os
import pty
import subprocess
import unittest

import program
from gguf import STRING, Gguf, text
from program import Case, zofo

TEMPLATE = ("{% for message in messages %}{{ '<' + message['role'] + '> ' + message['content'] + '\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}")
WORDS = ("stone", "river", "superb", "awful", "table", "north", "seven", "glass", "sound", "light")


def say(role, content):
    return {"role": role, "content": content}


def chat(i, turns=1):
    return {"messages": [message for turn in range(turns) for message in (
        say("user", f"{WORDS[i % 10]} {WORDS[(i + turn) % 10]}"), say("assistant", f"{WORDS[(3 * i + turn) % 10]} !"))]}


class Chat(Case):
    """The tiny model with a chat template."""

    def setUp(self):
        super().setUp()
        made = Gguf.read(self.model)
        made.keys["tokenizer.chat_template"] = (STRING, text(TEMPLATE.encode()))
        self.chat_model = self.here / "chat.gguf"
        self.chat_model.write_bytes(made.bytes())

    def rows(self, name, rows):
        path = self.here / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def test_finetune_lowers_the_loss_of_conversations(self):
        rows = self.rows("chat.jsonl", [chat(i, 1 + i % 2) for i in range(40)])
        run = self.here / "run"
        done = self.good(zofo("finetune", "--model", self.chat_model, "--data", rows, "--method", "lora", "--max-steps", 30,
                              "--lower-learning-rate", 0.01, "--out", run, "--json")).json()
        self.assertTrue(math.isclose(done["methods"][0]["perplexity"] if "methods" in done else done["perplexity"],
                                     math.exp(done["loss"]), rel_tol=1e-9))
        before = self.good(zofo("evaluate", "--model", self.chat_model, "--data", rows, "--json")).json()
        after = self.good(zofo("evaluate", "--model", self.chat_model, "--data", rows, "--run", run, "--json")).json()
        self.assertLess(after["loss"], before["loss"] - 0.1)
        self.assertEqual(before["rows"], 40)
        self.assertGreater(before["tokens_per_second"], 0)
        self.assertAlmostEqual(before["perplexity"], math.exp(before["loss"]))

    def test_every_kind_of_method_trains(self):
        rows = self.rows("text.jsonl", [{"text": f"{WORDS[i % 10]} and {WORDS[i // 10]}"} for i in range(30)])
        for method in ("bilevel", "mezo", "lora"):
            with self.subTest(method):
                done = zofo("finetune", "--model", self.model, "--data", rows, "--method", method, "--max-steps", 2,
                            "--out", self.here / method)
                self.assertIn("perplexity", self.good(done).out)
                self.assertIn("3 of 30 rows are held out", done.err)

    def test_the_loss_is_that_of_the_scored_tokens(self):
        prompt, answer = " stone river", " superb"
        rows = self.rows("one.jsonl", [{"prompt": prompt, "completion": answer}])
        got = self.good(zofo("evaluate", "--model", self.model, "--data", rows, "--json")).json()
        request = json.dumps({"prompt": prompt, "options": [answer]}) + "\n"
        (scored,) = self.good(zofo("score", "--model", self.model, stdin=request)).lines()
        self.assertGreaterEqual(got["answer_tokens"], scored["tokens"][0])
        if got["answer_tokens"] == scored["tokens"][0]:  # the model has no end of text
            self.assertAlmostEqual(got["loss"], -scored["logprobs"][0] / scored["tokens"][0], places=4)

    def test_task_init_and_the_run_s_own_copy(self):
        rows = self.rows("talk.jsonl", [chat(i) for i in range(30)])
        made = self.good(zofo("task", "init", rows, cwd=self.here))
        self.assertIn("talk: text: conversations (messages)", made.out)
        self.assertIn("kind = 'text'", (self.here / "talk" / "task.toml").read_text())
        run = self.here / "run"
        self.good(zofo("finetune", "--model", self.chat_model, "--task", self.here / "talk", "--method", "lora",
                       "--max-steps", 2, "--out", run))
        self.assertEqual(self.good(zofo("evaluate", "--run", run, "--json")).json()["rows"], 3)

    def test_long_rows(self):
        rows = self.rows("long.jsonl", [{"text": "short"}, {"text": "stone " * 2000}, {"text": "other"}])
        evaluate = ("evaluate", "--model", self.model, "--data", rows)
        self.refused(zofo(*evaluate), "long.jsonl:2: ", "the model's context is 256; --max-length 257")
        self.assertEqual(self.good(zofo(*evaluate, "--max-length", 20, "--json")).json()["rows"], 3)

    def test_errors_name_the_row(self):
        for row, *parts in (
                ({"messages": [say("user", "a")]}, "bad.jsonl:1: no message has the role 'assistant'"),
                ({"question": "a"}, "bad.jsonl:1: its fields are 'question'"),
                ({"text": ""}, "bad.jsonl:1: field 'text': is blank")):
            with self.subTest(row):
                rows = self.rows("bad.jsonl", [row])
                self.refused(zofo("evaluate", "--model", self.chat_model, "--data", rows), *parts)
        rows = self.rows("chat.jsonl", [chat(1)])
        self.refused(zofo("evaluate", "--model", self.model, "--data", rows), "the model has no chat template")

    def test_generate_answers_messages(self):
        messages = [say("user", "stone river"), say("assistant", "superb !"), say("user", "awful")]
        prompt = "<user> stone river\n<assistant> superb !\n<user> awful\n<assistant>"
        lines = "".join(json.dumps(line) + "\n" for line in ({"messages": messages, "id": 7}, {"prompt": prompt}))
        chatted, plain = self.good(zofo("generate", "--model", self.chat_model, "--max-new-tokens", 5, stdin=lines)).lines()
        self.assertEqual(chatted.pop("id"), 7)
        self.assertEqual(chatted, plain)
        one = self.good(zofo("generate", "--model", self.chat_model, "--chat", "--prompt", "awful", "--json")).json()
        same = self.good(zofo("generate", "--model", self.chat_model, "--prompt", "<user> awful\n<assistant>", "--json")).json()
        self.assertEqual(one, same)
        self.refused(zofo("generate", "--model", self.model, "--chat", "--prompt", "a"), "no chat template")

    def test_a_conversation_in_a_terminal(self):
        def converse(*lines, model=self.chat_model):
            ours, theirs = pty.openpty()
            try:
                os.write(ours, "".join(line + "\n" for line in lines).encode() + b"\x04")  # Ctrl-D ends it
                return subprocess.run([program.PROGRAM, "generate", "--model", model, "--chat", "--max-new-tokens", "5"],
                                      stdin=theirs, capture_output=True, text=True, timeout=60, env=program.ENVIRONMENT)
            finally:
                os.close(theirs)
                os.close(ours)

        def answer(*messages):
            line = json.dumps({"messages": list(messages)}) + "\n"
            return self.good(zofo("generate", "--model", self.chat_model, "--max-new-tokens", 5, stdin=line)).lines()[0]["text"]

        first = answer(say("user", "stone river"))
        second = answer(say("user", "stone river"), say("assistant", first), say("user", "awful"))
        done = converse("stone river", "", "awful", "/reset", "stone river")
        self.assertEqual((done.returncode, done.stdout), (0, f"{first}\n{second}\n{first}\n"))
        # A message that does not fit is left out, with the reason.
        done = converse("stone " * 600, "stone river", "/exit", "awful")
        self.assertEqual((done.returncode, done.stdout), (0, f"{first}\n"))
        self.assertIn("the model's context is 256", done.stderr)
        done = converse("stone", model=self.model)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no chat template", done.stderr)


if __name__ == "__main__":
    program.main()
