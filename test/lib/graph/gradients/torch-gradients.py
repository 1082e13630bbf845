"""What PyTorch computes for the cases of oracle-cases.ts, which come as JSON: outputs, and gradients of sum(weights * outputs).

    python -m venv venv && venv/bin/pip install torch numpy
    node dist/test/lib/graph/gradients/cases-as-json.js | venv/bin/python test/lib/graph/gradients/torch-gradients.py > test/lib/graph/gradients/torch-gradients.json
"""
import json
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
DTYPES = {"float64": torch.float64, "int64": torch.int64, "bool": torch.bool}


def by_gates(tensor, order):
    """ONNX's order of gates [G*H, ...] as PyTorch's."""
    parts = tensor.chunk(len(order))
    return torch.cat([parts[g] for g in order])


def recurrent(module, order, inputs, backwards, **options):
    x, w, r, b, *first = inputs
    bias_ih, bias_hh = b[0].chunk(2)
    weights = [by_gates(t, order) for t in (w[0], r[0], bias_ih, bias_hh)]
    read = x.flip(0) if backwards else x
    states = tuple(first) if len(first) > 1 else first[0]
    y, last = torch.func.functional_call(module(x.shape[2], r.shape[2], **options), dict(zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"), weights)), (read, states))
    y = y.flip(0) if backwards else y
    return [y.unsqueeze(1), *(last if isinstance(last, tuple) else [last])]


def lstm(inputs, backwards=False):
    """ONNX: input, output, forget, cell; PyTorch: input, forget, cell, output."""
    return recurrent(torch.nn.LSTM, (0, 2, 3, 1), inputs, backwards)


def gru(inputs, backwards=False):
    """ONNX: update, reset, new; PyTorch: reset, update, new."""
    return recurrent(torch.nn.GRU, (1, 0, 2), inputs, backwards)


def rnn(inputs, backwards=False, nonlinearity="tanh"):
    return recurrent(torch.nn.RNN, (0,), inputs, backwards, nonlinearity=nonlinearity)


def tensor(spec):
    made = torch.tensor(spec["values"]).to(DTYPES[spec["dtype"]]).reshape(spec["shape"])
    return made.requires_grad_() if made.is_floating_point() else made


def numbers(values):
    return [float(f"{v:.9g}") for v in values.detach().flatten().tolist()]


figures = {}
for name, case in json.load(sys.stdin).items():
    x = [tensor(spec) for spec in case["inputs"]]
    outputs = eval(case["torch"])
    outputs = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
    sum((y * tensor(w).detach()).sum() for y, w in zip(outputs, case["weights"], strict=True)).backward()
    figures[name] = {"outputs": [numbers(y) for y in outputs], "gradients": [numbers(v.grad) if v.grad is not None else [0] * v.numel() for v in x if v.requires_grad]}
print("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in figures.items()) + "\n}")
