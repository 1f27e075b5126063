"""The check of docs/cli notices a changed, a missing and a superfluous page.

usage: cli_pages_test.py ZOFO
"""

import contextlib
import io
import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import docs_cli  # noqa: E402

PROGRAM = sys.argv.pop(1)


class Pages(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="zofo-docs-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.assertEqual(self.check("--write")[0], 0)

    def check(self, *options) -> tuple:
        out = io.StringIO()
        words = ["docs_cli.py", PROGRAM, "--folder", str(self.folder), *options]
        with mock.patch.object(sys, "argv", words), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            return docs_cli.main(), out.getvalue()

    def test_pages_that_were_just_written_agree(self):
        self.assertEqual(self.check(), (0, ""))

    def test_changed_page(self):
        page = self.folder / "evaluate.md"
        page.write_text(page.read_text().replace("--model", "--modle"))
        code, out = self.check()
        self.assertEqual(code, 1)
        self.assertIn("docs/cli/evaluate.md", out)
        self.assertIn("-  --modle", out)

    def test_missing_page(self):
        (self.folder / "evaluate.md").unlink()
        self.assertEqual(self.check()[0], 1)

    def test_page_of_no_command(self):
        (self.folder / "old.md").write_text("# zofo old\n")
        self.assertEqual(self.check()[0], 1)
        self.check("--write")
        self.assertFalse((self.folder / "old.md").exists())

    def test_every_command_has_a_page(self):
        for command in ("finetune", "evaluate", "score", "generate", "compare"):
            self.assertIn(f"Usage: zofo {command}", (self.folder / f"{command}.md").read_text())


if __name__ == "__main__":
    unittest.main()
