"""Judges models that hone wrote: python onnx_check.py WRITTEN [ORIGINALS]. Prints a line "NAME: what is wrong" for each that is not as it should be, and last how many were judged.

Each has to pass onnx.checker with shape inference, unless the original does not either; and to mean the same as the original of its name, where there is one.
"""
import os
import sys
from typing import NamedTuple

import numpy as np
import onnx
from onnx import AttributeProto, numpy_helper


def refusal(model):
    """Why the checker refuses a model; None where it does not."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # the checker, shape inference and protobuf each have their own
        return str(error).strip().split("\n")[0]


def tensor_meaning(tensor):
    array = numpy_helper.to_array(tensor)
    return tensor.data_type, tuple(tensor.dims), array.tolist() if array.dtype == object else array.tobytes()


def agrees(before, after):
    """Whether two meanings are the same; a type that the original leaves open may have been found out."""
    if isinstance(before, Type):
        return before.name == after.name and (not before.type or before.type == after.type)
    if isinstance(before, dict):
        return all(agrees(before[part], after[part]) for part in before)
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(agrees, before, after))
    return before == after


class Type(NamedTuple):
    name: str
    type: bytes


def type_meaning(info):
    return Type(info.name, info.type.SerializeToString(deterministic=True))


def attribute_meaning(attribute):
    if attribute.ref_attr_name:
        return attribute.name, attribute.ref_attr_name
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.type == AttributeProto.TENSOR:
        value = tensor_meaning(value)
    elif attribute.type == AttributeProto.GRAPH:
        value = graph_meaning(value)
    elif attribute.type == AttributeProto.GRAPHS:
        value = [graph_meaning(graph) for graph in value]
    elif hasattr(value, "SerializeToString"):
        value = value.SerializeToString(deterministic=True)
    elif attribute.type == AttributeProto.FLOAT:
        value = np.float32(value).tobytes()
    elif attribute.type == AttributeProto.FLOATS:
        value = np.array(value, np.float32).tobytes()
    else:
        value = list(value) if attribute.type in (AttributeProto.INTS, AttributeProto.STRINGS) else value
    return attribute.name, attribute.type, value


def domain(name):
    return "" if name == "ai.onnx" else name


def node_meaning(node):
    inputs = list(node.input)
    while inputs and not inputs[-1]:
        inputs.pop()
    return domain(node.domain), node.op_type, node.name, node.overload, inputs, list(node.output), sorted(map(attribute_meaning, node.attribute), key=lambda meaning: meaning[0]), node.doc_string


def graph_meaning(graph):
    return {
        "name": graph.name,
        "inputs": [type_meaning(info) for info in graph.input],
        "outputs": [info.name for info in graph.output],
        "nodes": [node_meaning(node) for node in graph.node],
        "tensors": sorted((tensor.name, tensor_meaning(tensor)) for tensor in graph.initializer),
        "sparse tensors": [tensor.SerializeToString(deterministic=True) for tensor in graph.sparse_initializer],
    }


def model_meaning(model):
    return {
        **graph_meaning(model.graph),
        "operator sets": sorted((domain(entry.domain), entry.version) for entry in model.opset_import),
        "functions": [function.SerializeToString(deterministic=True) for function in model.functions],
        "IR version": model.ir_version,
        "metadata": sorted((entry.key, entry.value) for entry in model.metadata_props),
    }


def judge(path, original_path):
    model = onnx.load(path)
    original = onnx.load(original_path) if original_path and os.path.exists(original_path) else None
    wrong = refusal(model)
    if wrong and not (original and refusal(original)):
        yield f"the checker refuses it: {wrong}"
    if original:
        before, after = model_meaning(original), model_meaning(model)
        for part in before:
            if not agrees(before[part], after[part]):
                yield f"its {part} are not the original's: {before[part]!r:.300} became {after[part]!r:.300}"


written, originals = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
names = sorted(name for name in os.listdir(written) if name.endswith(".onnx"))
for name in names:
    for problem in judge(os.path.join(written, name), originals and os.path.join(originals, name)):
        print(f"{name}: {problem}")
print(f"{len(names)} models judged")
