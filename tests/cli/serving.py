"""What the tests of `zofo serve` share: a server at work, and requests to it by Python's own HTTP client."""

import contextlib
import http.client
import json
import re
import threading

from gguf import STRING, Gguf, text
from program import Running

TEMPLATE = ("{% for message in messages %}{{ '<' + message['role'] + '> ' + message['content'] + '\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}")


def with_template(model, path):
    """A copy of a model with a chat template."""
    made = Gguf.read(model)
    made.keys["tokenizer.chat_template"] = (STRING, text(TEMPLATE.encode()))
    path.write_bytes(made.bytes())
    return path


class Server:
    """A running `zofo serve`."""

    def __init__(self, running):
        self.running = running
        self.first_line = running.process.stdout.readline().decode()
        found = re.match(r"zofo serve: http://127\.0\.0\.1:(\d+)/v1: (.+)\n", self.first_line)
        if not found:
            raise AssertionError(f"{self.first_line!r}: {running.process.stderr.read().decode()}")
        self.port, self.names = int(found[1]), found[2].split(", ")

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body) of one request on a connection of its own."""
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def post(self, path, **fields):
        """(status, JSON) of a request."""
        status, _, body = self.request("POST", path, json.dumps(fields), {"Content-Type": "application/json"})
        return status, json.loads(body)

    def completion(self, **fields):
        """The answer to a completion."""
        status, answer = self.post("/v1/completions", **fields)
        if status != 200:
            raise AssertionError(f"{status}: {answer}")
        return answer

    def events(self, path, **fields):
        """The objects of a stream, whose end is checked."""
        status, headers, body = self.request("POST", path, json.dumps({**fields, "stream": True}))
        if status != 200 or headers["Content-Type"] != "text/event-stream":
            raise AssertionError(f"{status} {headers}: {body}")
        lines = body.decode().split("\n\n")
        if lines[-2:] != ["data: [DONE]", ""] or not all(line.startswith("data: ") for line in lines[:-1]):
            raise AssertionError(f"no events: {lines}")
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]

    def together(self, requests):
        """The results of functions of the server, called at the same time."""
        results = [None] * len(requests)

        def work(i):
            results[i] = requests[i](self)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(requests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


@contextlib.contextmanager
def serve(*arguments):
    """A server on a free port. Its end is the caller's, or it is killed."""
    with Running("serve", "--port", 0, *arguments) as running:
        yield Server(running)
