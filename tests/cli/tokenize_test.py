"""zofo tokenize: a line of text in, a JSON array of ids out."""

import json
import pathlib
import unittest

import program
from gguf import Gguf
from program import Case, zofo

TEXTS = ["stone river", " superb", "  two  blanks ", "", "\ttab", "it's 1984!", "naïve café", "日本語 テキスト",
         "🙂🙃 e\u0301", "a\u00a0b\u200bc", "\x00\x01\x7f", "no\ryes", "x" * 5000]


def bytes_of_letters() -> dict:
    """GPT-2's map from letters to bytes: printable Latin-1 stands for itself, the others follow from U+0100."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


class Tokenize(Case):
    def tokenize(self, text, *arguments):
        return zofo("tokenize", "--model", self.model, *arguments, stdin=text)

    def test_ids_spell_the_text(self):
        tokens, letters = Gguf.read(self.model).strings("tokenizer.ggml.tokens"), bytes_of_letters()
        answers = self.good(self.tokenize("".join(text + "\n" for text in TEXTS))).lines()
        self.assertEqual(len(answers), len(TEXTS))
        for text, ids in zip(TEXTS, answers):
            spelt = "".join(tokens[i] for i in ids)
            self.assertEqual(bytes(letters[letter] for letter in spelt).decode(), text)

    def test_known_words_are_one_token(self):
        tokens = Gguf.read(self.model).strings("tokenizer.ggml.tokens")
        self.assertEqual(self.ids(" superb river yes"), [tokens.index("Ġ" + w) for w in ("superb", "river", "yes")])
        self.assertEqual(self.ids("ab"), [tokens.index("a"), tokens.index("b")])

    def test_lines(self):
        self.assertEqual(self.good(self.tokenize("")).out, "")
        self.assertEqual(self.good(self.tokenize("ab")).lines(), [self.ids("ab")])  # no line end after the last line
        self.assertEqual(self.good(self.tokenize("\n")).lines(), [[]])
        self.assertEqual(len(self.good(self.tokenize("a b\n" * 10000)).lines()), 10000)

    def test_invalid_utf8_names_line_and_byte(self):
        for bad in (b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"):
            with self.subTest(bad):
                result = self.tokenize(b"fine\nab " + bad + b" c\nfine\n")
                self.answered(result, 1, "stdin:2", "byte 3", "UTF-8")
                self.assertEqual(result.lines()[::2], [self.ids("fine")] * 2)  # the lines around it are answered

    def test_json_lines_hold_line_ends(self):
        answers = self.good(self.tokenize('"a\\nb"\n"river"\n', "--json")).lines()
        self.assertEqual(answers[1], self.ids("river"))
        tokens, letters = Gguf.read(self.model).strings("tokenizer.ggml.tokens"), bytes_of_letters()
        self.assertEqual(bytes(letters[c] for i in answers[0] for c in tokens[i]), b"a\nb")
        self.answered(self.tokenize('"a"\nb\n', "--json"), 1, "stdin:2", "JSON string")

    def test_a_folder(self):
        folder = pathlib.Path(__file__).parents[1] / "golden/tokenizers/opt"
        golden = json.loads((folder / "ids.json").read_text())
        texts = json.loads((folder.parent / "texts.json").read_text())
        lines = "".join(json.dumps(text) + "\n" for text in texts)
        for key, flags in (("plain", ()), ("special", ("--special",))):
            answer = zofo("tokenize", "--json", "--model", folder, *flags, stdin=lines)
            self.assertEqual(self.good(answer).lines(), golden[key])
        self.refused(zofo("tokenize", "--model", folder.parent), str(folder.parent), "tokenizer.json", "tokenizer.model")


if __name__ == "__main__":
    program.main()
