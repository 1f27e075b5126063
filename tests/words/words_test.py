"""The lint of words finds what it should in each kind of file, and only that."""

import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import check_words  # noqa: E402

WORDS = check_words.read_words((ROOT / check_words.LIST).read_text(encoding="utf-8"))


class Words(unittest.TestCase):
    def found(self, name: str, text: str) -> list:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return [(line, word) for _, line, word, _ in check_words.check(Path(folder), check_words.PLACES, WORDS)]

    def test_every_word_is_found_in_a_sentence(self):
        samples = ["room", "laws", "card", "goes on", "go on", "begun", "anew", "as ever", "strangers", "fellows", "served",
                   "serving", "judges", "judged", "θ moves", "whatever", "beside", "by turns", "company", "mend", "lies in",
                   "says", "said", "tells", "alone", "θ's way", "moved copy", "is not to be had", "written answers", "writes answers",
                   "both sides", "tally"]
        for sample in samples:
            self.assertEqual(self.found("README.md", f"First line.\nHere {sample} ends.\n"), [(2, sample)])
        for word in WORDS:
            self.assertTrue(any(word.pattern.fullmatch(sample) for sample in samples), word.pattern.pattern)

    def test_comments_strings_and_raw_strings_of_cpp(self):
        text = '#include "card/room.hpp"\n/// A card.\nint card = room(1);\n/* Begun\n * anew. */\nauto s = "it says", r = R"(told)";\n'
        self.assertEqual(self.found("include/zofo/a.hpp", text),
                         [(2, "card"), (4, "Begun"), (5, "anew"), (6, "says"), (6, "told")])

    def test_a_phrase_that_continues_on_the_next_line(self):
        self.assertEqual(self.found("include/zofo/a.hpp", "// A run goes\n// on.\nint x = 1'000;  // \"x\" says\n"),
                         [(1, "goes on"), (3, "says")])

    def test_comments_and_strings_of_scripts(self):
        self.assertEqual(self.found("scripts/a.py", '"""Says."""\nroom = 1  # a card\nx = f"told {room}"\n'),
                         [(1, "Says"), (2, "card"), (3, "told")])
        self.assertEqual(self.found("run", "# alone\nroom=1\necho 'says'\n"), [(1, "alone"), (3, "says")])
        self.assertEqual(self.found("cmake/a.cmake", "set(room 1)  # beside\nmessage(\"mend\")\n"), [(1, "beside"), (2, "mend")])

    def test_allowed_contexts(self):
        for text in ("By the law of large numbers.", "Each header compiles alone.", "The score server serves requests."):
            self.assertEqual(self.found("README.md", text + "\n"), [])
        self.assertEqual(self.found("README.md", "The law of large numbers is a law.\n"), [(1, "law")])

    def test_parts_of_words_and_identifiers_are_not_words(self):
        self.assertEqual(self.found("README.md", "mushrooms, cardinal, `card_count`, besides, preserving, essays\n"), [])

    def test_of_the_changelog_only_the_first_section(self):
        text = "# Changes\n\n## New\n\n* A card.\n\n## Old\n\n* A room.\n"
        self.assertEqual(self.found("CHANGELOG.md", text), [(5, "card")])

    def test_a_wrong_list_is_refused(self):
        with self.assertRaisesRegex(ValueError, "banned.txt:2: expected pattern"):
            check_words.read_words("# words\nroom module\n")

    def test_a_path_that_does_not_exist_is_refused(self):
        with self.assertRaisesRegex(SystemExit, "absent: not found"):
            check_words.files(ROOT, ("absent",))


if __name__ == "__main__":
    unittest.main()
