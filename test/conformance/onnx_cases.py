"""Writes the test cases that come with the onnx package: python onnx_cases.py FOLDER.

Of each, NAME.onnx; and beside it, where all that goes in and comes out is tensors, NAME.values.onnx, whose initializers are those tensors in order.
https://github.com/onnx/onnx/blob/main/docs/OnnxBackendTest.md
"""
import glob
import os
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests

STORED = ["pytorch-converted", "pytorch-operator", "simple"]


def tensor(value, name):
    """A tensor under a name; None where it is a sequence or a map."""
    if isinstance(value, TensorProto):
        value.name = name
        return value
    return numpy_helper.from_array(np.asarray(value), name) if isinstance(value, (np.ndarray, np.generic)) else None


def stored(case):
    """Model and tensors of a case that lies in a folder."""
    model = onnx.load(os.path.join(case.model_dir, "model.onnx"))
    files = [sorted(glob.glob(os.path.join(case.model_dir, "test_data_set_0", f"{kind}_*.pb"))) for kind in ("input", "output")]
    return model, [[TensorProto.FromString(open(file, "rb").read()) for file in kind] for kind in files]


def write(folder, name, model, values):
    onnx.save(model, os.path.join(folder, f"{name}.onnx"))
    ports = [model.graph.input, model.graph.output]
    if any(not port.type.HasField("tensor_type") for side in ports for port in side):
        return
    tensors = [tensor(value, f"{side}_{i}") for side, of_side in zip(("input", "output"), values) for i, value in enumerate(of_side)]
    if None not in tensors:
        onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], name, [], [], tensors)), os.path.join(folder, f"{name}.values.onnx"))


folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
warnings.simplefilter("ignore")
for case in load_model_tests(kind="node"):
    write(folder, case.name, case.model, case.data_sets[0])
for kind in STORED:
    for case in load_model_tests(kind=kind):
        if case.model_dir:
            write(folder, f"{kind}-{case.name}", *stored(case))
