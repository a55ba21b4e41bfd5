#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The network of examples/fashion_mnist.c in PyTorch, as a peer to measure against.

Same data, same network, same initialisation, same schedule, same batches; prints training
images/s (without evaluation) and, each epoch, the test accuracy and evaluation images/s.
With --serve it does what cleat-bench asks for on standard input:

    weights 0      all parameters, f32, in the network's order; also restarts Adam
    order 0        i32 [images], the order in which to train
    train PASSES   over the images in that order; replies the mean loss of each step of the last
    infer PASSES   over the test images; replies the logits [images][10] of the last

Images are prepared and gathered on the host. Debian: python3-torch, dataset-fashion-mnist.
"""
import argparse
import gzip
import math
import sys
import time

import torch
from torch import nn

sys.dont_write_bytecode = True  # the tree stays as it is
import pytorch_serve as server


def read_idx(path, header):
    with gzip.open(path) as file:
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8, offset=header)


def load(folder, name, limit):
    images = read_idx(f"{folder}/{name}-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    labels = read_idx(f"{folder}/{name}-labels-idx1-ubyte.gz", 8)
    images = (images[:limit].float() / 255 - 0.2860) / 0.3530
    return images.contiguous(), labels[:limit].long()


def network():
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10))
    for layer in model:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            inputs = layer.weight[0].numel()
            bound = math.sqrt((6 if layer is not model[-1] else 1) / inputs)
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)
    return model


def evaluate(model, device, images, labels):
    model.eval()
    start, right = time.perf_counter(), 0
    with torch.no_grad():
        for first in range(0, len(images), 1000):
            part = slice(first, first + 1000)
            found = model(images[part].to(device)).argmax(1)
            right += (found == labels[part].to(device)).sum().item()
    return right / len(images), len(images) / (time.perf_counter() - start)


def train_step(model, device, adam, criterion, images, labels):
    adam.zero_grad()
    loss = criterion(model(images.to(device)), labels.to(device))
    loss.backward()
    adam.step()
    return loss.detach()


class Server:
    def __init__(self, options, device):
        self.batch, self.rate, self.device = options.batch, options.rate, device
        self.images, self.labels = load(options.data, "train", options.images)
        self.test_images, _ = load(options.data, "t10k", options.images)
        self.order = torch.arange(len(self.images))
        self.model = network().to(device)
        self.criterion = nn.CrossEntropyLoss()

    def weights(self, _):
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(server.read(parameter.numel()).view_as(parameter))
        self.adam = torch.optim.Adam(self.model.parameters(), lr=self.rate)

    def set_order(self, _):
        self.order = server.read(len(self.images), torch.int32).long()

    def train(self, passes):
        self.model.train()
        for _ in range(passes):
            losses = []
            for first in range(0, len(self.order), self.batch):
                pick = self.order[first:first + self.batch]
                losses.append(train_step(self.model, self.device, self.adam, self.criterion,
                                         self.images[pick], self.labels[pick]))
        return losses

    def infer(self, passes):
        self.model.eval()
        with torch.no_grad():
            for _ in range(passes):
                logits = [self.model(self.test_images[first:first + self.batch].to(self.device))
                          for first in range(0, len(self.test_images), self.batch)]
        return torch.cat(logits)

    def run(self):
        server.serve(self.device, {"weights": self.weights, "order": self.set_order,
                                   "train": self.train, "infer": self.infer})


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    server.add_options(parser)
    parser.set_defaults(threads=2)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=60000, help="how many to train with")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    options = parser.parse_args()
    if options.device is None and options.name is None:
        options.device = "cpu"

    device = server.find_device(options)
    torch.manual_seed(options.seed)
    if options.serve:
        Server(options, device).run()
        return
    images, labels = load(options.data, "train", options.images)
    test_images, test_labels = load(options.data, "t10k", 10000)
    model = network().to(device)
    adam = torch.optim.Adam(model.parameters())
    criterion = nn.CrossEntropyLoss()
    total = options.epochs * math.ceil(len(images) / options.batch)
    step = 0
    for epoch in range(options.epochs):
        model.train()
        order = torch.randperm(len(images))
        start, loss_sum = time.perf_counter(), 0.0
        for first in range(0, len(images), options.batch):
            pick = order[first:first + options.batch]
            for group in adam.param_groups:
                group["lr"] = options.rate * 0.5 * (1 + math.cos(math.pi * step / total))
            loss = train_step(model, device, adam, criterion, images[pick], labels[pick])
            loss_sum += len(pick) * loss.item()
            step += 1
        rate = len(images) / (time.perf_counter() - start)
        accuracy, test_rate = evaluate(model, device, test_images, test_labels)
        print(f"epoch {epoch + 1}: loss {loss_sum / len(images):.4f}, test accuracy {accuracy:.4f}, "
              f"training {rate:.0f} images/s, evaluation {test_rate:.0f} images/s", flush=True)


if __name__ == "__main__":
    main()
