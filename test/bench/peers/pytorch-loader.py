"""PyTorch's DataLoader as a contender: python pytorch-loader.py FOLDER BATCH WORKERS, where loader.ts has written the pictures; a call is an epoch."""
import json
import sys
import time
from pathlib import Path

import numpy
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

folder, batch, workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
about = json.loads((folder / 'images.json').read_text())
torch.manual_seed(1)

to_float = v2.ToDtype(torch.float32, scale=True)
if 'mean' in about:
    transform = v2.Compose([v2.RandomCrop(about['shape'][2:], padding=4), v2.RandomHorizontalFlip(), to_float, v2.Normalize(about['mean'], about['std'])])
else:
    transform = to_float


class Pictures(Dataset):
    def __init__(self):
        self.images = torch.from_numpy(numpy.fromfile(folder / 'images.bin', numpy.uint8).reshape(about['shape']))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return transform(self.images[i]), 0


pictures = ImageFolder(about['files'], v2.Compose([v2.PILToTensor(), transform])) if 'files' in about else Pictures()
assert len(pictures) == about['shape'][0]
loader = DataLoader(pictures, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)


def epoch():
    count = 0
    for images, _ in loader:
        assert images.dtype == torch.float32 and list(images.shape[1:]) == about['shape'][1:]
        count += len(images)
    return count


print('ready', flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(int(line)):
        result = epoch()
    print(time.perf_counter() - start, result, flush=True)
