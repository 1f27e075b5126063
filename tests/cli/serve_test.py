"""zofo serve: every endpoint, what is refused, overload, streams, clients that vanish, adapters, the end."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import time
import unittest

import program
from program import Case, Running, zofo
from serving import serve, with_template

PROMPTS = (" stone river superb :", " awful", " table north seven glass sound", "a", " light light", " paper:")


def greedy(prompt, tokens, **more):
    return {"prompt": prompt, "max_tokens": tokens, "temperature": 0, **more}


class Serve(Case):
    """Tests with a server of the tiny model, which has a chat template."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.served = with_template(cls.model, program.tiny() / "served.gguf")
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.server = cls.stack.enter_context(serve("--model", cls.served))

    def generated(self, prompts, *arguments, model=None):
        """The answers of zofo generate."""
        lines = "".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts)
        return self.good(zofo("generate", "--model", model or self.served, *arguments, stdin=lines)).lines()

    def alive(self):
        self.assertEqual(self.server.request("GET", "/health")[0], 200)


class Answers(Serve):
    def test_models(self):
        self.assertEqual(self.server.names, ["served"])
        status, headers, body = self.server.request("GET", "/v1/models")
        listed = json.loads(body)
        self.assertEqual((status, headers["Content-Type"], listed["object"]), (200, "application/json", "list"))
        (model,) = listed["data"]
        self.assertEqual((model["id"], model["object"]), ("served", "model"))
        self.assertLess(abs(model["created"] - time.time()), 600)
        self.assertEqual(json.loads(self.server.request("GET", "/v1/models/served")[2]), model)
        self.assertEqual(self.server.request("GET", "/v1/models/other")[0], 404)
        self.assertEqual(json.loads(self.server.request("GET", "/health")[2])["status"], "ok")

    def test_texts_are_those_of_generate(self):
        expected = self.generated(PROMPTS, "--max-new-tokens", 12)
        answer = self.server.completion(**greedy(PROMPTS, 12), model="served")
        self.assertEqual((answer["object"], answer["model"]), ("text_completion", "served"))
        self.assertEqual([choice["index"] for choice in answer["choices"]], list(range(len(PROMPTS))))
        for choice, each in zip(answer["choices"], expected):
            self.assertEqual(choice["text"], each["text"])
            self.assertEqual(choice["finish_reason"], "length" if each["end"] == "length" else "stop")
            self.assertIsNone(choice["logprobs"])
        usage = answer["usage"]
        self.assertEqual(usage["prompt_tokens"], sum(each["prompt_tokens"] for each in expected))
        self.assertEqual(usage["completion_tokens"], sum(each["tokens"] for each in expected))
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])
        alone = self.server.together([lambda server, p=p: server.completion(**greedy(p, 12)) for p in PROMPTS])
        self.assertEqual([one["choices"][0]["text"] for one in alone], [each["text"] for each in expected])

    def test_ids_are_texts(self):
        by_text = self.server.completion(**greedy(PROMPTS[:2], 5))["choices"]
        ids = [self.ids(prompt) for prompt in PROMPTS[:2]]
        self.assertEqual(self.server.completion(**greedy(ids, 5))["choices"], by_text)
        self.assertEqual(self.server.completion(**greedy(ids[0], 5))["choices"], by_text[:1])

    def test_samples(self):
        flags = ("--temperature", 1.2, "--top-p", 0.9, "--seed", 5, "--max-new-tokens", 8, "--num-return-sequences", 3)
        expected = self.generated(PROMPTS[:2], *flags)
        answer = self.server.completion(prompt=PROMPTS[:2], temperature=1.2, top_p=0.9, seed=5, max_tokens=8, n=3)
        self.assertEqual([choice["text"] for choice in answer["choices"]], [each["text"] for each in expected])

    def test_a_stop_ends_the_text(self):
        whole = self.server.completion(**greedy(PROMPTS[0], 12))["choices"][0]["text"]
        stop = next(c for c in whole if c.isascii() and c.isprintable())
        for stops in (stop, [stop, "not there"]):
            choice = self.server.completion(**greedy(PROMPTS[0], 12), stop=stops)["choices"][0]
            self.assertEqual((choice["text"].rstrip("\ufffd"), choice["finish_reason"]),
                             (whole.split(stop)[0].rstrip("\ufffd"), "stop"))

    def test_echo_and_log_probabilities(self):
        prompt, options = PROMPTS[0], [" no", " yes", " superb"]
        (scored,) = self.good(self.score([(prompt, options)], model=self.served)).lines()
        texts = [prompt + option for option in options]
        answer = self.server.completion(**greedy(texts, 1, echo=True, logprobs=2))
        for choice, whole, logprob, count in zip(answer["choices"], texts, scored["logprobs"], scored["tokens"]):
            given = choice["logprobs"]
            length = len(self.ids(whole))
            self.assertTrue(choice["text"].startswith(whole))
            self.assertEqual("".join(given["tokens"][:length]), whole)
            self.assertEqual(len(given["tokens"]), length + 1)
            self.assertIsNone(given["token_logprobs"][0])
            self.assertAlmostEqual(sum(given["token_logprobs"][length - count : length]), logprob, places=4)
            for at, top in zip(given["token_logprobs"][1:], given["top_logprobs"][1:]):
                self.assertIn(at, top.values())
                self.assertIn(len(top), (2, 3))
        only = self.server.completion(**greedy(texts, 0, echo=True, logprobs=2))
        self.assertEqual([choice["text"] for choice in only["choices"]], texts)
        self.assertEqual(only["usage"]["completion_tokens"], 0)

    def test_chat(self):
        messages = [{"role": "user", "content": "stone river"}, {"role": "assistant", "content": "superb !"},
                    {"role": "user", "content": [{"type": "text", "text": "aw"}, {"type": "text", "text": "ful"}]}]
        prompt = "<user> stone river\n<assistant> superb !\n<user> awful\n<assistant>"
        (expected,) = self.generated([prompt], "--max-new-tokens", 6)
        status, answer = self.server.post("/v1/chat/completions", messages=messages, max_tokens=6, temperature=0,
                                          logprobs=True, top_logprobs=3)
        self.assertEqual((status, answer["object"]), (200, "chat.completion"))
        (choice,) = answer["choices"]
        self.assertEqual(choice["message"], {"role": "assistant", "content": expected["text"], "refusal": None})
        self.assertEqual(answer["usage"]["prompt_tokens"], expected["prompt_tokens"])
        content = choice["logprobs"]["content"]
        self.assertGreaterEqual(len(content), expected["tokens"])
        for token in content:
            self.assertEqual(token["logprob"], token["top_logprobs"][0]["logprob"])  # greedy
            self.assertEqual(len(token["top_logprobs"]), 3)
        written = b"".join(bytes(token["bytes"]) for token in content[: expected["tokens"]])
        self.assertEqual(written.decode(errors="replace"), expected["text"])

    def test_streams(self):
        whole = self.server.completion(**greedy(PROMPTS, 15, echo=True))
        texts = [""] * len(PROMPTS)
        events = self.server.events("/v1/completions", **greedy(PROMPTS, 15, echo=True), stream_options={"include_usage": True})
        for event in events[:-1]:
            (choice,) = event["choices"]
            texts[choice["index"]] += choice["text"]
        self.assertEqual(texts, [choice["text"] for choice in whole["choices"]])
        self.assertEqual((events[-1]["choices"], events[-1]["usage"]), ([], whole["usage"]))
        self.assertGreater(len(events), 2 * len(PROMPTS))
        chat = {"messages": [{"role": "user", "content": "awful"}], "max_tokens": 9, "temperature": 0}
        _, whole = self.server.post("/v1/chat/completions", **chat)
        deltas = [event["choices"][0] for event in self.server.events("/v1/chat/completions", **chat)]
        self.assertEqual(deltas[0]["delta"]["role"], "assistant")
        self.assertEqual("".join(delta["delta"].get("content", "") for delta in deltas),
                         whole["choices"][0]["message"]["content"])
        self.assertEqual([delta["finish_reason"] for delta in deltas if delta["finish_reason"]],
                         [whole["choices"][0]["finish_reason"]])


class Refused(Serve):
    def refused(self, status, body, path="/v1/completions", param=None):
        """The message of a refusal."""
        got, _, answer = self.server.request("POST", path, body)
        error = json.loads(answer)["error"]
        self.assertEqual(set(error), {"message", "type", "param", "code"})
        self.assertEqual((got, error["param"]), (status, param), error)
        return error["message"]

    def test_bad_requests(self):
        for body, param, *parts in (
                (b"", None, "broken JSON"), (b"{", None, "broken JSON"), (b"[" * 100_000, None, "broken JSON"),
                (b'{"prompt": "\xff"}', None, "invalid UTF-8"), (b"[1]", None, "JSON object"),
                (b'{"prompt": 3}', "prompt", "list of texts"), (b'{"prompt": ""}', "prompt", "must not be empty"),
                (b'{"prompt": "a", "max_tokens": -1}', "max_tokens", "[0, 4096]"),
                (b'{"prompt": "a", "max_tokens": 1e99}', "max_tokens", "integer"),
                (b'{"prompt": "a", "tools": []}', "tools", "no such field"),
                (b'{"prompt": "a", "sead": 1}', "sead", "did you mean 'seed'?"),
                (b'{"prompt": "a", "logit_bias": {"1": 2}}', "logit_bias", "not support"),
                (json.dumps(greedy("a" * 300, 1)).encode(), "prompt", "300 tokens", "context is 256", "--max-prompt-tokens 256"),
                (json.dumps(greedy([[1, 10**6]], 1)).encode(), "prompt", "token 1000000")):
            with self.subTest(body[:60]):
                message = self.refused(400, body, param=param)
                for part in parts:
                    self.assertIn(part, message)
        self.assertIn("tools", self.refused(400, b'{"messages": [{"role": "user", "content": "a"}], "tools": [{}]}',
                                            "/v1/chat/completions", "tools"))
        self.assertIn("must be one of served", self.refused(404, b'{"prompt": "a", "model": "gpt"}', param="model"))
        self.assertIn("POST /v1/completions", self.refused(404, b"{}", "/v1/nothing"))
        self.assertIn("16777216 bytes", self.refused(413, b" " * ((16 << 20) + 1)))
        self.alive()

    def test_no_http(self):
        for bad in (b"\0\1\2\3\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                    b"GET " + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\nContent-Le"):
            with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
                with contextlib.suppress(OSError):
                    connection.sendall(bad)
            self.alive()

    def test_clients_that_vanish(self):
        for fields in (greedy("a", 200), greedy("a", 200, stream=True)):
            for _ in range(3):
                connection = self.server.connect()
                connection.request("POST", "/v1/completions", json.dumps(fields))
                connection.close()
                connection = self.server.connect()
                connection.request("POST", "/v1/completions", json.dumps(fields))
                if fields.get("stream"):
                    connection.getresponse().read(100)
                connection.close()
        expected = self.generated([PROMPTS[0]], "--max-new-tokens", 4)[0]["text"]
        self.assertEqual(self.server.completion(**greedy(PROMPTS[0], 4))["choices"][0]["text"], expected)

    def test_bad_arguments(self):
        for flags, *parts in ((("--port", 70000), "--port 70000"), (("--max-queue", 0), "--max-queue 0"),
                              (("--host", "192.0.2.1"), "--host 192.0.2.1", "cannot listen"),
                              (("--port", self.server.port), f"--port {self.server.port}", "cannot listen"),
                              (("--adapter", "served=x", "--name", "served"), "x")):
            with self.subTest(flags):
                Case.refused(self, zofo("serve", "--model", self.served, *flags), *parts)


class Overload(Case):
    def test_a_full_queue(self):
        with serve("--model", self.model, "--max-queue", 1, "--batch-size", 1) as server:
            def ask(to):
                status, headers, body = to.request("POST", "/v1/completions", json.dumps(greedy("a", 200)))
                return status, headers.get("Retry-After"), json.loads(body)

            answers = server.together([ask] * 12)
            served = [answer for status, _, answer in answers if status == 200]
            refused = [(retry, answer["error"]) for status, retry, answer in answers if status == 503]
            self.assertEqual(len(served) + len(refused), 12)
            self.assertGreater(len(served), 0)
            self.assertGreater(len(refused), 0)
            self.assertEqual(len({answer["choices"][0]["text"] for answer in served}), 1)
            for retry, error in refused:
                self.assertEqual(retry, "1")
                self.assertIn("--max-queue", error["message"])
            self.assertEqual(server.post("/v1/completions", **greedy("a", 2))[0], 200)


class Adapters(Case):
    def test_requests_name_adapters(self):
        folders = {}
        for name, method, seed in (("first", "lora", 1), ("second", "lora", 2), ("third", "prefix", 3)):
            self.good(self.finetune(self.here / name, "--method", method, "--seed", seed, "--lower-learning-rate", 0.05))
            folders[name] = self.here / f"{name}-adapter"
            shutil.copytree(self.here / name / "adapter", folders[name])
        prompts = PROMPTS[:3]

        def texts(*which):
            lines = "".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts)
            done = self.good(zofo("generate", "--model", self.model, "--max-new-tokens", 8, *which, stdin=lines))
            return [line["text"] for line in done.lines()]

        expected = {name: texts("--adapter", folder) for name, folder in folders.items()}
        expected["tiny"] = texts()
        self.assertGreater(len(set(map(tuple, expected.values()))), 2)
        with serve("--model", self.model, *(f"--adapter={name}={folder}" for name, folder in folders.items())) as server:
            self.assertEqual(server.names, ["tiny", "first", "second", "third"])
            asked = list(expected) * 3
            answers = server.together([lambda to, name=name: to.completion(**greedy(prompts, 8), model=name) for name in asked])
            for name, answer in zip(asked, answers):
                self.assertEqual(answer["model"], name)
                self.assertEqual([choice["text"] for choice in answer["choices"]], expected[name], name)
            request = json.dumps({"prompt": PROMPTS[0], "options": [" no"], "adapter": "third"}) + "\n"
            (scored,) = self.good(zofo("score", "--model", self.model, f"--adapter=third={folders['third']}", stdin=request)).lines()
            given = server.completion(**greedy(PROMPTS[0] + " no", 0, echo=True, logprobs=1), model="third")
            self.assertAlmostEqual(given["choices"][0]["logprobs"]["token_logprobs"][-1], scored["logprobs"][0], places=4)

    def test_a_run(self):
        run = self.here / "tuned"
        self.good(self.finetune(run, "--lower-learning-rate", 0.05))
        line = json.dumps({"prompt": PROMPTS[0]}) + "\n"
        (expected,) = self.good(zofo("generate", "--run", run, "--max-new-tokens", 8, stdin=line)).lines()
        with serve("--run", run) as server:
            self.assertEqual(server.names, ["tuned"])
            self.assertEqual(server.completion(**greedy(PROMPTS[0], 8))["choices"][0]["text"], expected["text"])


class End(Case):
    def test_signals_end_the_server(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number), Running("serve", "--model", self.model, "--port", 0) as running:
                self.assertIn(b"http://127.0.0.1:", running.process.stdout.readline())
                os.kill(running.process.pid, number)
                ended = running.end()
                self.assertEqual((ended.code, ended.out, ended.err), (0, "", ""))

    def test_at_work(self):
        with serve("--model", self.model, "--batch-size", 1) as server:
            connections = [server.connect() for _ in range(4)]
            for connection in connections:
                connection.request("POST", "/v1/completions", json.dumps(greedy(["a"] * 50, 200)))
            time.sleep(0.2)
            os.kill(server.running.process.pid, signal.SIGTERM)
            for connection in connections:  # an answer, or the end of the connection
                with contextlib.suppress(OSError, http.client.HTTPException):
                    self.assertIn(connection.getresponse().status, (200, 500, 503))
                connection.close()
            self.assertEqual(server.running.end().code, 0)


if __name__ == "__main__":
    program.main()
