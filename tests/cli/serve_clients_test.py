"""zofo serve and its clients: the requests of lm-evaluation-harness, and OpenAI's own Python client.

The package openai is not needed: without it its tests are skipped with a message. The requests of
lm-evaluation-harness's `local-completions` (lm_eval/models/openai_completions.py, version 0.4.9) are written out here;
RealHarness runs the harness itself, if it is installed.
"""

import importlib.util
import json
import math
import operator
import unittest

import program
from program import Case, zofo
from serving import serve, with_template

PAIRS = ((" stone river superb :", " yes"), (" stone river superb :", " no"), (" awful", " table north"), ("a", "b"))


def missing(*packages):
    """Why tests of other programs are skipped; empty if all are installed."""
    gone = [name for name in packages if importlib.util.find_spec(name) is None]
    return f"not installed for this Python: {', '.join(gone)}" if gone else ""


class Harness(Case):
    """The requests of `local-completions`, as the harness makes and reads them."""

    def loglikelihoods(self, server, pairs):
        """(log-likelihood, whether it is the greedy text) of each continuation, by a batch of token ids."""
        contexts = [self.ids(context) for context, _ in pairs]
        prompts = [ids + self.ids(text) for ids, (_, text) in zip(contexts, pairs)]
        answer = server.completion(model="tiny", prompt=prompts, temperature=0, max_tokens=1, logprobs=1, seed=1234,
                                   echo=True)
        results = []
        for choice, context in zip(sorted(answer["choices"], key=operator.itemgetter("index")), contexts):
            logprobs = choice["logprobs"]["token_logprobs"][len(context) : -1]
            tops = choice["logprobs"]["top_logprobs"][len(context) : -1]
            results.append((sum(logprobs), all(a == max(top.values()) for a, top in zip(logprobs, tops))))
        return results

    def test_log_likelihoods_are_those_of_score(self):
        requests = "".join(json.dumps({"prompt": p, "options": [o]}) + "\n" for p, o in PAIRS)
        scored = self.good(zofo("score", "--model", self.model, stdin=requests)).lines()
        # The greedy text of a prompt is its own continuation, if its tokens are read back as they were written.
        greedy = []
        for line in self.good(zofo("generate", "--model", self.model, "--max-new-tokens", 1,
                                   stdin="".join(json.dumps({"prompt": c}) + "\n" for c in ("stone", "river", "superb", "x")))).lines():
            greedy.append(line["text"])
        pairs = [(c, t) for c, t in zip(("stone", "river", "superb", "x"), greedy) if t.isprintable() and "\ufffd" not in t
                 and len(self.ids(t)) == 1]
        with serve("--model", self.model) as server:
            for (got, _), line in zip(self.loglikelihoods(server, PAIRS), scored):
                self.assertTrue(math.isclose(got, line["logprobs"][0], rel_tol=1e-5, abs_tol=1e-4))
            self.assertGreater(len(pairs), 0)
            self.assertEqual([best for _, best in self.loglikelihoods(server, pairs)], [True] * len(pairs))
            self.assertIn(False, [best for _, best in self.loglikelihoods(server, PAIRS)])

    def test_generation(self):
        prompts = [context for context, _ in PAIRS]
        lines = "".join(json.dumps({"prompt": p}) + "\n" for p in prompts)
        expected = self.good(zofo("generate", "--model", self.model, "--max-new-tokens", 6, "--stop", "e", stdin=lines)).lines()
        with serve("--model", self.model) as server:
            answer = server.completion(model="tiny", prompt=[self.ids(p) for p in prompts], max_tokens=6, temperature=0,
                                       stop=["e", "<|endoftext|>"], seed=1234)
        self.assertEqual([choice["text"] for choice in answer["choices"]], [line["text"] for line in expected])


@unittest.skipIf(missing("openai"), missing("openai"))
class OpenAi(Case):
    """The package openai."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.served = with_template(cls.model, program.tiny() / "served.gguf")

    def client(self, server, retries=0):
        import openai

        client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", max_retries=retries)
        self.addCleanup(client.close)
        return client

    def test_everything(self):
        import openai

        (expected,) = self.good(zofo("generate", "--model", self.served, "--prompt", PAIRS[0][0], "--json",
                                     "--max-new-tokens", 7)).lines()
        with serve("--model", self.served) as server:
            client = self.client(server)
            self.assertEqual([model.id for model in client.models.list()], ["served"])
            self.assertEqual(client.models.retrieve("served").owned_by, "zofo")
            ask = {"model": "served", "prompt": PAIRS[0][0], "max_tokens": 7, "temperature": 0}
            answer = client.completions.create(**ask, logprobs=2, user="someone")
            self.assertEqual(answer.choices[0].text, expected["text"])
            self.assertEqual(answer.usage.completion_tokens, expected["tokens"])
            self.assertEqual(len(answer.choices[0].logprobs.tokens), len(answer.choices[0].logprobs.token_logprobs))
            parts = [chunk.choices[0].text for chunk in client.completions.create(**ask, stream=True)]
            self.assertEqual("".join(parts), expected["text"])
            messages = [{"role": "user", "content": "stone"}]
            chat = {"model": "served", "messages": messages, "max_completion_tokens": 5, "temperature": 0}
            whole = client.chat.completions.create(**chat, logprobs=True, top_logprobs=2)
            self.assertEqual(whole.choices[0].message.role, "assistant")
            self.assertEqual(len(whole.choices[0].logprobs.content[0].top_logprobs), 2)
            chunks = list(client.chat.completions.create(**chat, stream=True, stream_options={"include_usage": True}))
            self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks if c.choices),
                             whole.choices[0].message.content)
            self.assertEqual(chunks[-1].usage.total_tokens, whole.usage.total_tokens)
            with self.assertRaises(openai.NotFoundError):
                client.completions.create(**{**ask, "model": "other"})
            with self.assertRaises(openai.BadRequestError) as caught:
                client.chat.completions.create(**chat, response_format={"type": "json_object"})
            self.assertEqual(caught.exception.param, "response_format")

    def test_overload(self):
        import openai

        def ask(server):
            try:
                return self.client(server).completions.create(model="tiny", prompt="a", max_tokens=200, temperature=0)
            except openai.InternalServerError as error:
                return error

        with serve("--model", self.model, "--max-queue", 1, "--batch-size", 1) as server:
            answers = server.together([ask] * 8)
            refused = [answer for answer in answers if isinstance(answer, Exception)]
            self.assertIn(503, [error.status_code for error in refused])
            self.assertLess(len(refused), 8)


@unittest.skipIf(missing("lm_eval", "transformers", "aiohttp", "tenacity"), missing("lm_eval", "transformers", "aiohttp", "tenacity"))
class RealHarness(Case):
    """lm-evaluation-harness itself, with zofo's tokenizer in the place of Hugging Face's."""

    def test_local_completions(self):
        from lm_eval.models.openai_completions import LocalCompletionsAPI

        with serve("--model", self.model) as server:
            model = LocalCompletionsAPI(base_url=f"http://127.0.0.1:{server.port}/v1/completions", model="tiny",
                                        tokenizer_backend="None", batch_size=len(PAIRS), num_concurrent=1)
            model.tokenized_requests, model.tokenizer = True, self  # the ids are given
            keys = [((context, text), self.ids(context), self.ids(text)) for context, text in PAIRS]
            got = model._loglikelihood_tokens(keys, disable_tqdm=True)
        requests = "".join(json.dumps({"prompt": p, "options": [o]}) + "\n" for p, o in PAIRS)
        scored = self.good(zofo("score", "--model", self.model, stdin=requests)).lines()
        for (logprob, _), line in zip(got, scored):
            self.assertTrue(math.isclose(logprob, line["logprobs"][0], rel_tol=1e-5, abs_tol=1e-4))


if __name__ == "__main__":
    program.main()
