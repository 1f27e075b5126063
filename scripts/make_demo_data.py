#!/usr/bin/env python3
"""Makes the demo's data from the source distribution of vaderSentiment 3.3.2 (MIT).

    scripts/make_demo_data.py vaderSentiment-3.3.2.tar.gz FOLDER [--domain movies|products|tweets|editorials]

writes train.jsonl (1,000 examples), validation.jsonl (400 examples that share no text with the first) and SOURCE.txt
(the source of the text, and its licence). An example is {"text": ..., "label": "negative"|"positive"}: a snippet of a
film review (of a product review, a tweet, a sentence of a newspaper's opinion pages) whose mean rating by about 20
people is below -1 or above 1 (scale -4 ... 4). The same input gives the same bytes in every Python version. Standard
library only; exit code 2 and a message for bad input.
"""

import argparse
import hashlib
import io
import json
import os
import pathlib
import sys
import tarfile
import tempfile
from typing import NamedTuple

SDIST_SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
SDIST = "vaderSentiment-3.3.2"
ARCHIVE = f"{SDIST}/additional_resources/hutto_ICWSM_2014.tar.gz"
LICENCE = f"{SDIST}/LICENSE.txt"
DOMAINS = {  # file of the archive, and its contents
    "movies": ("hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt", "sentences of film reviews"),
    "products": ("hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt", "sentences of product reviews"),
    "tweets": ("hutto_ICWSM_2014/tweets_GroundTruth.txt", "tweets"),
    "editorials": ("hutto_ICWSM_2014/nytEditorialSnippets_GroundTruth.txt", "sentences of a newspaper's opinion pages"),
}
TRAIN_ROWS = 1000
VALIDATION_ROWS = 400
LARGEST_MEMBER = 16 << 20

SOURCE = """\
train.jsonl and validation.jsonl hold {what} with ratings by people, taken from the file
{snippets}
in {archive}
(PyPI, SHA-256 {sha256}).
C.J. Hutto and E. Gilbert, VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text,
ICWSM 2014. Label: mean rating below -1 negative, above 1 positive; others left out. The package's licence:

{licence}"""


class BadInput(Exception):
    """Bad input; the message is one line."""


class Snippet(NamedTuple):
    """A rated sentence: its id in the source file, its label and its text."""

    id: str
    label: str
    text: str


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sdist", type=pathlib.Path, help="vaderSentiment-3.3.2.tar.gz")
    parser.add_argument("folder", type=pathlib.Path, help="output folder; created if it does not exist")
    parser.add_argument("--domain", choices=DOMAINS, default="movies", help="domain of the sentences")
    arguments = parser.parse_args()
    try:
        make(arguments.sdist, arguments.folder, arguments.domain)
    except (BadInput, OSError, tarfile.TarError, EOFError) as error:
        print(f"make_demo_data: {error}", file=sys.stderr)
        sys.exit(2)


def make(sdist, folder, domain):
    """Reads the sdist, checks it, and writes the files into the folder."""
    package = read_checked(sdist)
    licence = member(package, LICENCE).decode("utf-8").replace("\r\n", "\n")
    file, what = DOMAINS[domain]
    snippets = distinct(rated(member(member(package, ARCHIVE), file).decode("utf-8"), file))
    needed = TRAIN_ROWS + VALIDATION_ROWS
    if len(snippets) < needed:
        raise BadInput(f"{sdist}: {len(snippets)} usable snippets: must be at least {needed}")
    rows = sorted(snippets, key=lambda snippet: shuffle_key(domain, snippet))[:needed]
    parts = {"train": rows[:TRAIN_ROWS], "validation": rows[TRAIN_ROWS:]}

    folder.mkdir(parents=True, exist_ok=True)
    source = SOURCE.format(what=what, snippets=file, archive=ARCHIVE, sha256=SDIST_SHA256, licence=licence)
    write_atomically(folder / "SOURCE.txt", source)
    for name, part in parts.items():
        write_atomically(folder / f"{name}.jsonl", "".join(map(json_line, part)))
        print(summary(folder / f"{name}.jsonl", part))


def read_checked(sdist):
    """The bytes of the sdist, checked against the known SHA-256."""
    package = sdist.read_bytes()
    digest = hashlib.sha256(package).hexdigest()
    if digest != SDIST_SHA256:
        raise BadInput(f"{sdist}: SHA-256 is {digest}, must be {SDIST_SHA256}")
    return package


def member(archive, name):
    """The bytes of one file of a tar.gz. Nothing is unpacked to disk; paths outside the archive are rejected."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        entries = tar.getmembers()
        for entry in entries:
            path = pathlib.PurePosixPath(entry.name)
            if path.is_absolute() or ".." in path.parts or "\\" in entry.name:
                raise BadInput(f"archive entry {entry.name!r}: must be a path inside the archive")
        found = [entry for entry in entries if entry.name == name]
        if len(found) != 1 or not found[0].isfile():
            raise BadInput(f"archive entry {name!r}: must exist once, as a file")
        if found[0].size > LARGEST_MEMBER:
            raise BadInput(f"archive entry {name!r}: {found[0].size} bytes: must be at most {LARGEST_MEMBER}")
        return tar.extractfile(found[0]).read()


def rated(table, file):
    """The snippets of a table of id, mean rating and text that are clearly negative or positive."""
    snippets = []
    for number, line in enumerate(table.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            identity, rating, text = line.split("\t")
            rating = float(rating)
        except ValueError:
            raise BadInput(f"{file}:{number}: must be id, rating and text, separated by tabs") from None
        if rating < -1 or rating > 1:
            snippets.append(Snippet(identity.strip(), "negative" if rating < 0 else "positive", text.strip()))
    return snippets


def distinct(snippets):
    """The first snippet of each text, without texts that occur with both labels."""
    groups = {}
    for snippet in snippets:
        groups.setdefault(text_key(snippet.text), []).append(snippet)
    groups.pop("", None)
    return [group[0] for group in groups.values() if len({snippet.label for snippet in group}) == 1]


def text_key(text):
    """A text without case, blanks and punctuation: equal for texts that differ only in these."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def shuffle_key(domain, snippet):
    """A pseudo-random order that depends only on the domain and the id."""
    return hashlib.sha256(f"zofo-{domain}-1:{snippet.id}".encode()).hexdigest()


def json_line(snippet):
    """The JSON line of a snippet."""
    return json.dumps({"text": snippet.text, "label": snippet.label}, ensure_ascii=False) + "\n"


def summary(path, part):
    """Number of examples and of each label, in one line."""
    counts = {label: sum(snippet.label == label for snippet in part) for label in ("negative", "positive")}
    balance = ", ".join(f"{label} {count} ({count / len(part):.1%})" for label, count in counts.items())
    return f"{path}: {len(part)} rows: {balance}"


def write_atomically(path, text):
    """Writes a temporary file in the same folder and renames it: an interrupted run leaves the old or the new file."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp's 0600 would hide the file from other users of a shared cache
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


if __name__ == "__main__":
    main()
