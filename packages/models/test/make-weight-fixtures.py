"""Writes the fixtures of files/*.test.ts: python packages/models/test/make-weight-fixtures.py (needs torch, safetensors, gguf).

The same numbers in several formats, and expected.safetensors with what each must read as.
"""

from collections import OrderedDict
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

folder = Path(__file__).parent / "weights"
folder.mkdir(exist_ok=True)
torch.manual_seed(42)
base = torch.randn(6, 8)
halves = torch.cat([torch.randn(60) * 10.0 ** torch.randint(-7, 5, (60,)), torch.tensor([0.0, -0.0, float("inf"), -float("inf")])])
state = OrderedDict(
    float32=base,
    transposed=base.t(),  # strided views share one storage
    columns=base[:, 1:7:2],
    row=base[3],
    repeated=torch.tensor([1.5, -2.0]).expand(3, 2),
    scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 4),
    float64=torch.randn(5, dtype=torch.float64),
    float16=halves.half(),
    bfloat16=halves.bfloat16(),
    int64=torch.tensor([1, -2, 2**40]),
    int32=torch.tensor([[7], [-8]], dtype=torch.int32),
    int16=torch.tensor([300, -300], dtype=torch.int16),
    int8=torch.tensor([100, -100], dtype=torch.int8),
    uint8=torch.tensor([0, 255], dtype=torch.uint8),
    bool=torch.tensor([True, False, True]),
    parameter=torch.nn.Parameter(torch.randn(2, 2)),
)
state._metadata = OrderedDict({"": {"version": 1}})
torch.save(state, folder / "torch.bin")
torch.save({"layer": torch.nn.Linear(2, 2)}, folder / "module.bin")
torch.save(state, folder / "legacy.bin", _use_new_zipfile_serialization=False)
plain = {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}
save_file(plain, folder / "plain.safetensors", metadata={"format": "pt"})


def read_as(tensor):
    if tensor.is_floating_point():
        return tensor.float()
    return tensor.int() if tensor.dtype == torch.int16 else tensor


expected = {name: read_as(tensor) for name, tensor in plain.items()}

writer = gguf.GGUFWriter(folder / "every.gguf", "llama")
writer.add_uint32("answer", 42)
writer.add_int8("small", -3)
writer.add_uint64("large", 2**60)
writer.add_float32("rate", 0.5)
writer.add_bool("yes", True)
writer.add_string("greeting", "Grüße 你好")
writer.add_array("tokens", ["a", "bc", ""])
writer.add_array("scores", [0.25, -1.5])
matrix = np.random.default_rng(42).standard_normal((3, 64)).astype(np.float32)
kinds = gguf.GGMLQuantizationType
for kind in (kinds.F32, kinds.F16, kinds.BF16, kinds.Q8_0, kinds.Q4_0, kinds.Q4_1, kinds.Q5_0):
    stored = gguf.quants.quantize(matrix, kind)
    writer.add_tensor(kind.name, stored, raw_dtype=kind)
    expected[f"gguf.{kind.name}"] = torch.from_numpy(gguf.quants.dequantize(stored, kind).astype(np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
save_file(expected, folder / "expected.safetensors")
