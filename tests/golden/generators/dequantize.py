"""Writes tests/golden/dequantize.txt and tests/golden/small.gguf with the `gguf` package (pip install gguf).

dequantize.txt: three lines a storage type: its name, the stored bytes in hex, the bits of the floats in hex.
small.gguf: metadata of every value type and one tensor a storage type, as another program writes them.
Run from anywhere: python tests/golden/generators/dequantize.py
"""

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
TYPES = [Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0]
# Bytes at which a block's half-precision scale and minimum start.
HALVES = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0]}
# Ordinary, negative, subnormal, minus zero, the largest half.
SCALES = np.array([0.0123, -1.5, 3e-7, -0.0, 65504.0], np.float16)


def stored(kind: Type, rng: np.random.Generator) -> np.ndarray:
    """Five blocks (or 32 numbers) of `kind` as bytes."""
    if kind not in HALVES:
        values = np.concatenate([rng.standard_normal(27), SCALES.astype(np.float64)]).astype(np.float32)
        return gguf.quants.quantize(values, kind).reshape(-1).view(np.uint8)
    block = gguf.GGML_QUANT_SIZES[kind][1]
    blocks = rng.integers(0, 256, (len(SCALES), block), dtype=np.uint8)
    for turn, start in enumerate(HALVES[kind]):
        blocks[:, start : start + 2] = np.roll(SCALES, turn).view(np.uint8).reshape(-1, 2)
    return blocks.reshape(-1)


def write_text(blocks: dict[Type, np.ndarray]) -> None:
    lines = []
    for kind, data in blocks.items():
        dtype = {Type.F32: np.float32, Type.F16: np.float16}.get(kind, np.uint8)
        floats = gguf.quants.dequantize(data.view(dtype), kind).astype(np.float32)
        lines += [kind.name, data.tobytes().hex(), " ".join(f"{x:08x}" for x in floats.reshape(-1).view(np.uint32))]
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
        raw = {Type.F32: np.float32, Type.F16: np.float16}.get(kind)
        if raw is not None:
            writer.add_tensor(f"t.{kind.name}", data.view(raw).reshape(4, 8))
        else:
            rows = 5 if kind in HALVES else 4
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
