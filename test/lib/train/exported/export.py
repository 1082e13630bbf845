"""Writes what PyTorch's exporters make of small networks, and how PyTorch trains them: NAME.onnx and figures.json.

    python -m venv venv && venv/bin/pip install torch onnx onnxscript && venv/bin/python export.py [NAME ...]

Of the metadata that the default exporter adds to nodes only the scopes are kept: the rest is paths and stack traces of where it ran.
"""
import json
import sys
import warnings
from pathlib import Path

import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
FOLDER = Path(__file__).parent
BATCH, CLASSES, STEPS, LEARNING_RATE = 4, 3, 4, 0.5


class Net(nn.Module):
    def __init__(self, forward, **parts):
        super().__init__()
        self.run = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.run(self, x)


def last_state(kind, **options):
    return Net(lambda s, x: s.fc(s.rnn(x)[1][0][-1] if kind is nn.LSTM else s.rnn(x)[1][-1]), rnn=kind(3, 4, batch_first=True, **options), fc=nn.Linear(4, CLASSES))


def convolved(features, after, **parts):
    return Net(lambda s, x: s.fc(after(s, s.conv(x)).flatten(1)), conv=nn.Conv2d(2, 4, 3, stride=2), fc=nn.Linear(features, CLASSES), **parts)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True)
        self.fc = nn.Linear(4, CLASSES)
        # those of an exported network have no shift of zeros: the exporter leaves it out
        for parameter in (self.inner.self_attn.in_proj_bias, self.inner.self_attn.out_proj.bias):
            nn.init.normal_(parameter, std=0.1)

    def forward(self, x):
        return self.fc(self.inner(x).mean(1))


def attention():
    mixed = nn.MultiheadAttention(4, 2, batch_first=True)
    for parameter in (mixed.in_proj_bias, mixed.out_proj.bias):
        nn.init.normal_(parameter, std=0.1)
    return mixed


def open_image():
    return Net(lambda s, x: s.fc(F.max_pool2d(F.relu(s.conv(x)), 2).mean((2, 3))), conv=nn.Conv2d(2, 4, 3, padding=1), fc=nn.Linear(4, CLASSES))


def tied_layers():
    net = Net(lambda s, x: s.last(s.first(x).tanh()), first=nn.Linear(CLASSES, CLASSES), last=nn.Linear(CLASSES, CLASSES))
    net.last.weight = net.first.weight
    return net


sequence, image, flat = (5, 3), (2, 9, 7), (5,)
DYNAMO, TORCHSCRIPT = {"dynamo": True}, {"dynamo": False}
TRAINING = {"training": torch.onnx.TrainingMode.TRAINING, "do_constant_folding": False}
fresh_norms = lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.Linear(6, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.Linear(6, CLASSES))
drops = lambda: nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.0), nn.Linear(6, CLASSES))

CASES = {
    "lstm": (lambda: last_state(nn.LSTM, num_layers=2), sequence, DYNAMO),
    "lstm-both-ways": (lambda: Net(lambda s, x: s.fc(s.rnn(x)[0].mean(1)), rnn=nn.LSTM(3, 4, batch_first=True, bidirectional=True), fc=nn.Linear(8, CLASSES)), sequence, DYNAMO),
    "gru": (lambda: last_state(nn.GRU), sequence, DYNAMO),
    "lstm-opset-11": (lambda: last_state(nn.LSTM, num_layers=2), sequence, TORCHSCRIPT | {"opset_version": 11}),
    "lstm-opset-17": (lambda: last_state(nn.LSTM, num_layers=2), sequence, TORCHSCRIPT | {"opset_version": 17}),
    "lstm-unfolded": (lambda: last_state(nn.LSTM), sequence, TORCHSCRIPT | TRAINING | {"opset_version": 17}),
    "transposed-convolution": (lambda: convolved(96, lambda s, x: s.up(x), up=nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1)), image, DYNAMO),
    "fresh-norms": (fresh_norms, flat, DYNAMO),
    "fresh-norms-torchscript": (fresh_norms, flat, TORCHSCRIPT | {"opset_version": 17}),
    "transformer": (Encoder, (5, 4), DYNAMO),
    "transformer-torchscript": (Encoder, (5, 4), TORCHSCRIPT | TRAINING | {"opset_version": 17}),
    "transformer-opset-14": (Encoder, (5, 4), TORCHSCRIPT | {"opset_version": 14}),
    "in-training-mode": (drops, flat, TORCHSCRIPT | TRAINING | {"opset_version": 17}),
    "rnn": (lambda: last_state(nn.RNN), sequence, DYNAMO),
    "rnn-relu": (lambda: Net(lambda s, x: s.fc(s.rnn(x)[0].mean(1)), rnn=nn.RNN(3, 4, batch_first=True, bidirectional=True, nonlinearity="relu"), fc=nn.Linear(8, CLASSES)), sequence, TORCHSCRIPT | {"opset_version": 17}),
    "einsum": (lambda: Net(lambda s, x: s.fc(torch.einsum("btf,fg->btg", x, s.w).tanh().mean(1)), w=nn.Parameter(torch.randn(3, 4)), fc=nn.Linear(4, CLASSES)), sequence, DYNAMO),
    "group-norm": (lambda: convolved(48, lambda s, x: s.norm(x), norm=nn.GroupNorm(2, 4)), image, DYNAMO),
    "group-norm-opset-21": (lambda: convolved(48, lambda s, x: s.norm(x), norm=nn.GroupNorm(2, 4)), image, DYNAMO | {"opset_version": 21}),
    "group-norm-torchscript": (lambda: convolved(48, lambda s, x: s.norm(x), norm=nn.GroupNorm(2, 4)), image, TORCHSCRIPT | {"opset_version": 17}),
    "nearest": (lambda: convolved(192, lambda s, x: F.interpolate(x, scale_factor=2, mode="nearest")), image, DYNAMO),
    "bilinear": (lambda: convolved(192, lambda s, x: F.interpolate(x, scale_factor=2, mode="bilinear")), image, TORCHSCRIPT | {"opset_version": 17}),
    "pixel-shuffle": (lambda: convolved(48, lambda s, x: F.pixel_shuffle(x, 2)), image, DYNAMO),
    "activations": (lambda: Net(lambda s, x: s.fc(F.mish(s.a(x)) + F.celu(s.a(x), 0.7)), a=nn.Linear(5, 6), fc=nn.Linear(6, CLASSES)), flat, DYNAMO),
    "open-sizes": (open_image, image, DYNAMO | {"open_axes": (2, 3)}),
    "open-sizes-torchscript": (open_image, image, TORCHSCRIPT | {"opset_version": 17, "open_axes": (2, 3)}),
    "padded": (lambda: Net(lambda s, x: s.fc(F.pad(s.conv(F.pad(x, (1, 2, 0, 1), mode="reflect")), (1, 1, 2, 0)).flatten(1)), conv=nn.Conv2d(2, 2, 3, stride=2), fc=nn.Linear(72, CLASSES)), image, TORCHSCRIPT | {"opset_version": 17}),
    "causal": (lambda: Net(lambda s, x: s.fc(s.mixed(x, x, x, is_causal=True, need_weights=False, attn_mask=torch.triu(torch.full((5, 5), float("-inf")), 1))[0][:, -1]), mixed=attention(), fc=nn.Linear(4, CLASSES)), (5, 4), TORCHSCRIPT | {"opset_version": 17}),
    "tied-layers": (tied_layers, (CLASSES,), DYNAMO),
    "tied-layers-torchscript": (tied_layers, (CLASSES,), TORCHSCRIPT | {"opset_version": 17}),
    "shared-norm": (lambda: Net(lambda s, x: s.fc(s.norm(s.a(s.norm(x).relu()))), norm=nn.LayerNorm(5), a=nn.Linear(5, 5), fc=nn.Linear(5, CLASSES)), flat, DYNAMO),
    "shared-norm-torchscript": (lambda: Net(lambda s, x: s.fc(s.norm(s.a(s.norm(x).relu()))), norm=nn.LayerNorm(5), a=nn.Linear(5, 5), fc=nn.Linear(5, CLASSES)), flat, TORCHSCRIPT | {"opset_version": 17}),
    "position": (lambda: Net(lambda s, x: s.fc((s.a(x) + s.position).tanh().mean(1)), a=nn.Linear(3, 4), position=nn.Parameter(torch.randn(1, 5, 4)), fc=nn.Linear(4, CLASSES)), sequence, DYNAMO),
}


def export(network, x, path, dynamo, open_axes=(), **options):
    names = {0: "N"} | {axis: f"size_{axis}" for axis in open_axes}
    sizes = {axis: torch.export.Dim(name, min=2, max=4096) for axis, name in names.items()}
    shapes = {"dynamic_shapes": (sizes,), "external_data": False} if dynamo else {"dynamic_axes": {"x": names}}
    torch.onnx.export(network, (x,), path, dynamo=dynamo, input_names=["x"], output_names=["y"], verbose=False, **shapes, **options)
    model = onnx.load(path)
    model.graph.ClearField("metadata_props")
    model.graph.ClearField("value_info")
    for node in model.graph.node:
        kept = [prop for prop in node.metadata_props if prop.key == "pkg.torch.onnx.name_scopes"]
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
        node.metadata_props.extend(kept)
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.ClearField("metadata_props")
    onnx.save(model, path)
    # an export in training mode moves running statistics
    return {tensor.name: torch.tensor(onnx.numpy_helper.to_array(tensor)) for tensor in model.graph.initializer}


def numbers(tensor):
    return [float(f"{v:.7g}") for v in tensor.detach().flatten().tolist()]


def trained(network, x, labels):
    optimizer, losses = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE), []
    network.train()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(f"{loss.item():.7g}"))
    network.eval()
    return losses, numbers(network(x))


written = FOLDER / "figures.json"
figures = json.loads(written.read_text()) if written.exists() else {}
for name, (make, shape, options) in CASES.items():
    if sys.argv[1:] and name not in sys.argv[1:]:
        continue
    torch.manual_seed(7)
    network, x = make(), torch.randn(BATCH, *shape)
    labels = torch.arange(BATCH) % CLASSES
    network.train("training" in options)
    stored = export(network, x, str(FOLDER / f"{name}.onnx"), **options)
    network.load_state_dict({key: stored.get(key, value) for key, value in network.state_dict().items()})
    losses, after = trained(network, x, labels)
    figures[name] = {"shape": list(x.shape), "x": numbers(x), "labels": labels.tolist(), "losses": losses, "after": after, "parameters": sum(p.numel() for p in network.parameters())}
written.write_text("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(figures[name])}" for name in CASES if name in figures) + "\n}\n")
