"""Writes tests/golden/dequantize.txt and tests/golden/small.gguf with the package gguf (pip install gguf).

dequantize.txt: three lines a storage type: its name, the stored bytes in hex, the bits of the floats in hex.
small.gguf: metadata of every value type and one tensor a storage type, as another program writes them.
Run from anywhere: python tests/golden/generators/dequantize.py
"""

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

GOLDEN = Path(__file__).resolve().parents[1]
FLOATS = {Type.F32: np.float32, Type.F16: np.float16, Type.F64: np.float64}
# Bytes at which a block's half-precision scale and minimum start.
HALVES = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q2_K: [80, 82],
          Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208], Type.Q8_K: [], Type.IQ4_NL: [0],
          Type.IQ4_XS: [0], Type.MXFP4: []}
TYPES = [*FLOATS, Type.BF16, *HALVES]
# Ordinary, negative, subnormal, minus zero, the largest half.
SCALES = np.array([0.0123, -1.5, 3e-7, -0.0, 65504.0], np.float16)


def stored(kind: Type, rng: np.random.Generator) -> np.ndarray:
    """Five blocks of 32 numbers, two of 256 or 32 numbers of `kind` as bytes."""
    if kind not in HALVES:
        values = np.concatenate([rng.standard_normal(27), SCALES.astype(np.float64)])
        if kind == Type.F64:
            return values.view(np.uint8)
        return gguf.quants.quantize(values.astype(np.float32), kind).reshape(-1).view(np.uint8)
    numbers, size = gguf.GGML_QUANT_SIZES[kind]
    scales = SCALES if numbers == 32 else SCALES[:2]
    blocks = rng.integers(0, 256, (len(scales), size), dtype=np.uint8)
    for turn, start in enumerate(HALVES[kind]):
        blocks[:, start : start + 2] = np.roll(scales, turn).view(np.uint8).reshape(-1, 2)
    if kind == Type.Q8_K:
        blocks[:, :4] = np.array([0.0123, -1.5e-40], np.float32).view(np.uint8).reshape(-1, 4)
    return blocks.reshape(-1)


def dequantized(kind: Type, data: np.ndarray) -> np.ndarray:
    """The floats; F64 and Q8_K, which the package does not convert, by their definitions in ggml-common.h."""
    if kind == Type.F64:
        return data.view(np.float64).astype(np.float32)
    if kind == Type.Q8_K:
        blocks = data.reshape(-1, gguf.GGML_QUANT_SIZES[kind][1])
        return np.ascontiguousarray(blocks[:, :4]).view(np.float32) * blocks[:, 4:260].view(np.int8).astype(np.float32)
    return gguf.quants.dequantize(data.view(FLOATS.get(kind, np.uint8)), kind).astype(np.float32)


def write_text(blocks: dict[Type, np.ndarray]) -> None:
    lines = []
    for kind, data in blocks.items():
        floats = dequantized(kind, data).reshape(-1).view(np.uint32)
        lines += [kind.name, data.tobytes().hex(), " ".join(f"{x:08x}" for x in floats)]
    (GOLDEN / "dequantize.txt").write_text("\n".join(lines) + "\n")


def write_gguf(blocks: dict[Type, np.ndarray]) -> None:
    writer = gguf.GGUFWriter(GOLDEN / "small.gguf", "llama")
    writer.add_custom_alignment(64)
    writer.add_uint8("a.u8", 200)
    writer.add_int8("a.i8", -7)
    writer.add_uint16("a.u16", 65000)
    writer.add_int16("a.i16", -30000)
    writer.add_uint32("a.u32", 4000000000)
    writer.add_int32("a.i32", -5)
    writer.add_uint64("a.u64", 2**63 + 1)
    writer.add_int64("a.i64", -(2**40))
    writer.add_float32("a.f32", 0.5)
    writer.add_float64("a.f64", 1e-300)
    writer.add_bool("a.bool", True)
    writer.add_string("a.string", "Grüße")
    writer.add_array("a.strings", ["x", "Ġy"])
    writer.add_array("a.integers", [3, -1, 4])
    writer.add_array("a.floats", [0.25, -2.0])
    for kind, data in blocks.items():
        if kind in FLOATS:
            writer.add_tensor(f"t.{kind.name}", data.view(FLOATS[kind]).reshape(4, 8))
        else:
            rows = len(data) // gguf.GGML_QUANT_SIZES[kind][1] if kind in HALVES else 4
            writer.add_tensor(f"t.{kind.name}", data.reshape(rows, -1), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    generator = np.random.default_rng(2024)
    chosen = {kind: stored(kind, generator) for kind in TYPES}
    write_text(chosen)
    write_gguf(chosen)
