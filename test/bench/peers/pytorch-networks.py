"""PyTorch as a contender: python pytorch-networks.py NETWORK train|infer BATCH THREADS, timed by the line protocol of processContender."""
import json
import sys
import time

import torch
from torch import nn

name, mode, batch, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.manual_seed(1)
torch.set_num_threads(threads)
torch.set_flush_denormal(True)


def vgg11():
    layers, channels = [], 3
    for width in [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M']:
        if width == 'M':
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10)), (3, 32, 32)


class Block(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))
        self.shortcut = nn.Identity() if stride == 1 else nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return torch.relu(self.main(x) + self.shortcut(x))


def resnet18():
    blocks = []
    for i, channels in enumerate([64, 128, 256, 512]):
        blocks += [Block(channels // 2 if i else channels, channels, 2 if i else 1), Block(channels, channels, 1)]
    stem = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)), (3, 32, 32)


def mnist_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, 10)), (1, 28, 28)


class Sentiment(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.fc = nn.Embedding(121_301, 256), nn.LSTM(256, 512, 2, batch_first=True), nn.Linear(512, 1)

    def forward(self, tokens):
        return self.fc(self.lstm(self.embedding(tokens))[0][:, -1]).squeeze(1)


def lstm():
    return Sentiment(), (200,)


networks = {'vgg11': vgg11, 'resnet18': resnet18, 'mnist-cnn': mnist_cnn, 'lstm': lstm}
if name not in networks:
    print(f'error: there is no network "{name}", only {", ".join(networks)}', flush=True)
    sys.exit(1)
net, shape = networks[name]()
is_text = name == 'lstm'
x = torch.randint(10, (batch, *shape)) if is_text else torch.rand(batch, *shape) * 2 - 1
target = torch.randint(2, (batch,)).float() if is_text else torch.randint(10, (batch,))
loss_of = nn.functional.binary_cross_entropy_with_logits if is_text else nn.functional.cross_entropy
optimizer = torch.optim.Adam(net.parameters()) if name == 'mnist-cnn' else torch.optim.SGD(net.parameters(), lr=0.01, momentum=0 if is_text else 0.9)


def train():
    optimizer.zero_grad()
    loss = loss_of(net(x), target)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.inference_mode()
def infer():
    return net(x).flatten()[0].item()


net.train(mode == 'train')
work = {'train': train, 'infer': infer}[mode]
settings = {'threads': torch.get_num_threads(), 'parameters': sum(parameter.numel() for parameter in net.parameters())}
print('ready', json.dumps(settings), flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(int(line)):
        result = work()
    print(time.perf_counter() - start, json.dumps(result), flush=True)
