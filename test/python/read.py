"""Reads safetensors files with the real library, for test/python/safetensors.ts.

Takes files on its command line, or folders of them; prints a line of JSON for each, in order: what it holds, or the error.
"""

import json
import os
import sys

import numpy as np
from safetensors import SafetensorError, deserialize, safe_open


def values(dtype, data):
    """The bits of the float32 numbers that a tensor of half the size holds."""
    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).tobytes().hex()
    if dtype == "F16":
        return np.frombuffer(data, "<f2").astype("<f4").tobytes().hex()
    return None


def read(path):
    with open(path, "rb") as file:
        content = file.read()
    try:
        tensors = {
            name: {
                "dtype": tensor["dtype"],
                "shape": tensor["shape"],
                "data": bytes(tensor["data"]).hex(),
                "values": values(tensor["dtype"], tensor["data"]),
            }
            for name, tensor in deserialize(content)
        }
        with safe_open(path, framework="numpy") as file:
            return {"tensors": tensors, "metadata": file.metadata() or {}}
    except SafetensorError as error:
        return {"error": str(error)}


for argument in sys.argv[1:]:
    is_folder = os.path.isdir(argument)
    for name in sorted(os.listdir(argument)) if is_folder else [argument]:
        print(json.dumps(read(os.path.join(argument, name) if is_folder else name)))
