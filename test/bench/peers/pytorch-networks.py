"""PyTorch as a contender: python pytorch-networks.py NETWORK train|infer BATCH THREADS [channels_last], timed by the line protocol of processContender."""
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
        nn.Flatten(), nn.Linear(64 * 144, 128), nn.ReLU(), nn.Linear(128, 10)), (1, 28, 28)


def mobilenet_v2():
    def conv(inputs, channels, kernel, stride=1, groups=1, active=True):
        layers = [nn.Conv2d(inputs, channels, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(channels)]
        return layers + [nn.ReLU6()] if active else layers

    class Inverted(nn.Module):
        def __init__(self, inputs, channels, stride, expansion):
            super().__init__()
            width = inputs * expansion
            self.straight = stride == 1 and inputs == channels
            self.conv = nn.Sequential(*(conv(inputs, width, 1) if expansion > 1 else []), *conv(width, width, 3, stride, width), *conv(width, channels, 1, active=False))

        def forward(self, x):
            return x + self.conv(x) if self.straight else self.conv(x)

    layers, inputs = conv(3, 32, 3, 2), 32
    for expansion, channels, count, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(count):
            layers.append(Inverted(inputs, channels, stride if i == 0 else 1, expansion))
            inputs = channels
    return nn.Sequential(*layers, *conv(320, 1280, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 10)), (3, 32, 32)


class Lstm(nn.Module):
    """Study 1's; `sparse` updates the touched rows of the embedding alone."""

    def __init__(self, sparse):
        super().__init__()
        self.embedding = nn.Embedding(121301, 256, sparse=sparse)
        self.lstm = nn.LSTM(256, 512, 2, batch_first=True)
        self.fc = nn.Linear(512, 1)

    def forward(self, tokens):
        return self.fc(self.lstm(self.embedding(tokens))[0][:, -1]).squeeze(1)


class Lprnet(nn.Module):
    """https://github.com/sirius-ai/LPRNet_Pytorch without its MaxPool3d, which is every second or fourth channel pooled by itself; dropout left out."""

    def __init__(self):
        super().__init__()

        def block(inputs, outputs):
            middle = outputs // 4
            return nn.Sequential(
                nn.Conv2d(inputs, middle, 1), nn.ReLU(), nn.Conv2d(middle, middle, (3, 1), padding=(1, 0)), nn.ReLU(),
                nn.Conv2d(middle, middle, (1, 3), padding=(0, 1)), nn.ReLU(), nn.Conv2d(middle, outputs, 1))

        def normed(layer, channels):
            return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.ReLU())

        self.stage1, self.stage2 = normed(nn.Conv2d(3, 64, 3), 64), normed(block(64, 128), 128)
        self.stage3, self.stage4 = normed(block(64, 256), 256), normed(block(256, 256), 256)
        self.stage5 = nn.Sequential(*normed(nn.Conv2d(64, 256, (1, 4)), 256), *normed(nn.Conv2d(256, 68, (13, 1)), 68))
        self.head = nn.Conv2d(516, 68, 1)

    def forward(self, x):
        pool = nn.functional.max_pool2d
        first = self.stage1(x)
        second = self.stage2(pool(first, 3, 1))
        fourth = self.stage4(self.stage3(pool(second[:, ::2], 3, (1, 2))))
        fifth = self.stage5(pool(fourth[:, ::4], 3, (1, 2)))
        average = nn.functional.avg_pool2d
        context = [average(first, 5), average(second, 5), average(fourth, (4, 10), (4, 2)), fifth]
        return self.head(torch.cat([f / f.pow(2).mean() for f in context], 1)).mean(2)


images = {'vgg11': vgg11, 'resnet18': resnet18, 'mnist-cnn': mnist_cnn, 'mobilenet': mobilenet_v2}
texts = {'lstm': False, 'lstm-adam': True}
if name in images:
    net, shape = images[name]()
    x, target = torch.rand(batch, *shape) * 2 - 1, torch.randint(10, (batch,))
    criterion = nn.functional.cross_entropy
elif name in texts:
    net = Lstm(texts[name])
    x, target = torch.randint(121301, (batch, 200)), torch.randint(2, (batch,)).float()
    criterion = nn.functional.binary_cross_entropy_with_logits
elif name == 'lprnet':
    net = Lprnet()
    x, target = torch.rand(batch, 3, 24, 94) * 2 - 1, torch.randint(67, (batch, 7))
    lengths = torch.full((batch,), 18), torch.full((batch,), 7)

    def criterion(logits, labels):
        return nn.functional.ctc_loss(logits.permute(2, 0, 1).log_softmax(2), labels, *lengths, blank=67)
else:
    print(f'error: there is no network "{name}", only {", ".join([*images, *texts, "lprnet"])}', flush=True)
    sys.exit(1)
if 'channels_last' in sys.argv:
    net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)

if name == 'lstm-adam':
    dense = [p for key, p in net.named_parameters() if key != 'embedding.weight']
    optimizers = [torch.optim.Adam(dense), torch.optim.SparseAdam([net.embedding.weight])]
elif name in ('mnist-cnn', 'lprnet'):
    optimizers = [torch.optim.Adam(net.parameters())]
else:
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.01, momentum=0 if name == 'lstm' else 0.9)]


def train():
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss = criterion(net(x), target)
    loss.backward()
    for optimizer in optimizers:
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
