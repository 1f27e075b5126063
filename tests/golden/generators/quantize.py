"""Writes tests/golden/quantize.txt: how well ggml itself quantises weights that any program can generate again.

pip install gguf xllamacpp (llama.cpp; its function ggml_quantize_chunk is called). A line is a storage type, a kind of
weights, the error of ggml's quantisation (root mean square) and a hash of its bytes (FNV-1a).
"""

import ctypes
import glob
from pathlib import Path

import gguf
import numpy as np
import xllamacpp
from gguf import GGMLQuantizationType as Type

GOLDEN = Path(__file__).resolve().parents[1]
ROWS, COLUMNS = 16, 256
KINDS = ("uniform", "normal", "heavy", "channels", "positive")


class Random:
    """Knuth's linear congruential generator MMIX; its upper 24 bits as a number in [0, 1)."""

    def __init__(self) -> None:
        self.state = 1

    def uniform(self) -> float:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 40) / 2**24

    def normal(self) -> float:
        """Nearly: a sum of 12 uniform numbers, which is exact."""
        return sum(self.uniform() for _ in range(12)) - 6.0


def weights(kind: str) -> np.ndarray:
    """uniform, normal, normal cubed, normal with rows and columns of different sizes, and positive numbers."""
    random, values = Random(), np.empty((ROWS, COLUMNS))
    for row in range(ROWS):
        size = random.uniform()
        for column in range(COLUMNS):
            x = random.uniform() if kind in ("uniform", "positive") else random.normal()
            if kind == "uniform":
                x = (x - 0.5) * 0.125
            elif kind == "normal":
                x = x * 0.02
            elif kind == "heavy":
                x = x * x * x * 0.01
            elif kind == "channels":
                x = x * size * (0.25 if column % 61 == 7 else 0.03125)
            values[row, column] = x
    return values.astype(np.float32)


def quantized(library: ctypes.CDLL, values: np.ndarray, kind: Type) -> np.ndarray:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros(values.size // block * size, np.uint8)
    written = library.ggml_quantize_chunk(int(kind), values.ctypes.data_as(ctypes.c_void_p),
                                          out.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(0),
                                          ctypes.c_int64(ROWS), ctypes.c_int64(COLUMNS), None)
    assert written == out.size
    return out


def fnv(data: np.ndarray) -> int:
    value = 0xCBF29CE484222325
    for byte in data.tobytes():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


if __name__ == "__main__":
    ggml = ctypes.CDLL(glob.glob(f"{xllamacpp.__path__[0]}/*.so")[0])
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    lines = []
    for kind in KINDS:
        exact = weights(kind)
        for storage in (Type.Q4_0, Type.Q5_0, Type.Q8_0, Type.Q4_K, Type.Q5_K, Type.Q6_K):
            data = quantized(ggml, exact, storage)
            off = gguf.quants.dequantize(data, storage).astype(np.float64) - exact.reshape(-1)
            lines.append(f"{storage.name} {kind} {np.sqrt(np.mean(off**2)):.6e} {fnv(data):016x}")
    (GOLDEN / "quantize.txt").write_text("\n".join(lines) + "\n")
