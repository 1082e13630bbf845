"""Half of the channels of a network removed by Torch-Pruning, as an ONNX file: python torch-pruning.py NETWORK TO. https://github.com/VainF/Torch-Pruning"""
import importlib.util
import os
import sys

name, target = sys.argv[1:]
sys.argv = ["pytorch-networks.py", name, "infer", "1", "2"]
sys.stdin = open(os.devnull)
sys.stdout = open(os.devnull, "w")
spec = importlib.util.spec_from_file_location("networks", os.path.join(os.path.dirname(__file__), "pytorch-networks.py"))
networks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(networks)

import torch
import torch_pruning

net, x = networks.net.eval(), networks.x
head = [layer for layer in net.modules() if isinstance(layer, torch.nn.Linear)][-1]
torch_pruning.pruner.MagnitudePruner(net, x, importance=torch_pruning.importance.MagnitudeImportance(p=1), pruning_ratio=0.5, ignored_layers=[head]).step()
torch.onnx.export(net, (x,), target, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, opset_version=18, dynamo=False)
