"""Takes a GGUF file (version 3, little endian) apart and puts it together again, right or wrong."""

import struct
from dataclasses import dataclass, field
from pathlib import Path

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY, U32, BOOL = 8, 9, 4, 7
ALIGNMENT = 32


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % ALIGNMENT)


class Reader:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def number(self, kind: str):
        value = struct.unpack_from("<" + kind, self.data, self.at)[0]
        self.at += struct.calcsize(kind)
        return value

    def text(self) -> bytes:
        length = self.number("Q")
        self.at += length
        return self.data[self.at - length : self.at]

    def skip(self, kind: int):
        """Passes over a value."""
        if kind == STRING:
            self.text()
        elif kind == ARRAY:
            kind, count = self.number("I"), self.number("Q")
            for _ in range(count):
                self.skip(kind)
        else:
            self.at += SIZES[kind]


@dataclass
class Tensor:
    name: str
    shape: list
    kind: int
    data: bytes
    offset: int | None = None  # given: written instead of the true one


@dataclass
class Gguf:
    keys: dict = field(default_factory=dict)  # name: (type, bytes of the value)
    tensors: dict = field(default_factory=dict)
    magic: bytes = b"GGUF"
    version: int = 3
    counts: tuple | None = None  # given: (tensors, keys) written instead of the true ones

    @staticmethod
    def read(path: Path) -> "Gguf":
        reader, gguf = Reader(path.read_bytes()), Gguf()
        reader.at = 8
        tensors, keys = reader.number("Q"), reader.number("Q")
        for _ in range(keys):
            name, kind = reader.text().decode(), reader.number("I")
            start = reader.at
            reader.skip(kind)
            gguf.keys[name] = (kind, reader.data[start : reader.at])
        places = []
        for _ in range(tensors):
            name = reader.text().decode()
            shape = [reader.number("Q") for _ in range(reader.number("I"))]
            places.append((name, shape, reader.number("I"), reader.number("Q")))
        begin = reader.at + -reader.at % ALIGNMENT
        for name, shape, kind, offset in places:
            size = 4  # all tensors are F32 here
            for extent in shape:
                size *= extent
            data = reader.data[begin + offset : begin + offset + size]
            gguf.tensors[name] = Tensor(name, shape, kind, data)
        return gguf

    def strings(self, key: str) -> list:
        reader = Reader(self.keys[key][1])
        reader.number("I")
        return [reader.text().decode() for _ in range(reader.number("Q"))]

    def bytes(self) -> bytes:
        tensors, keys = self.counts or (len(self.tensors), len(self.keys))
        head = self.magic + struct.pack("<IQQ", self.version, tensors, keys)
        for name, (kind, value) in self.keys.items():
            head += text(name.encode()) + struct.pack("<I", kind) + value
        data = b""
        for tensor in self.tensors.values():
            offset = len(data) if tensor.offset is None else tensor.offset
            head += text(tensor.name.encode()) + struct.pack("<I", len(tensor.shape))
            head += struct.pack(f"<{len(tensor.shape)}QIQ", *tensor.shape, tensor.kind, offset)
            data += padded(tensor.data)
        return padded(head) + data
