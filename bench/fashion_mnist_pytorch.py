#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The network of examples/fashion_mnist.c in PyTorch, as a peer to measure against.

Same data, same network, same initialisation, same schedule, same batches; prints training
images/s (without evaluation) and, each epoch, the test accuracy and evaluation images/s.
With --serve it does what cleat-bench asks for on standard input (see bench/peer_pytorch.h).
Debian: python3-torch, dataset-fashion-mnist.
"""
import argparse
import gzip
import math
import sys
import time

import torch
from torch import nn


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


def evaluate(model, images, labels):
    model.eval()
    start, right = time.perf_counter(), 0
    with torch.no_grad():
        for first in range(0, len(images), 1000):
            part = slice(first, first + 1000)
            right += (model(images[part]).argmax(1) == labels[part]).sum().item()
    return right / len(images), len(images) / (time.perf_counter() - start)


def train_step(model, adam, criterion, images, labels):
    adam.zero_grad()
    loss = criterion(model(images), labels)
    loss.backward()
    adam.step()
    return loss.item()


class Server:
    """Requests are a line "verb number" and data; replies a count and as many floats."""

    def __init__(self, options):
        self.batch, self.rate = options.batch, options.rate
        self.images, self.labels = load(options.data, "train", options.images)
        self.test_images, _ = load(options.data, "t10k", options.images)
        self.order = torch.arange(len(self.images))
        self.model = network()
        self.criterion = nn.CrossEntropyLoss()

    @staticmethod
    def read(count, kind):
        return torch.frombuffer(bytearray(sys.stdin.buffer.read(4 * count)), dtype=kind)

    def weights(self, _):
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.copy_(self.read(parameter.numel(), torch.float32).view_as(parameter))
        self.adam = torch.optim.Adam(self.model.parameters(), lr=self.rate)
        return []

    def set_order(self, _):
        self.order = self.read(len(self.images), torch.int32).long()
        return []

    def train(self, passes):
        self.model.train()
        for _ in range(passes):
            losses = []
            for first in range(0, len(self.order), self.batch):
                pick = self.order[first:first + self.batch]
                losses.append(train_step(self.model, self.adam, self.criterion,
                                         self.images[pick], self.labels[pick]))
        return losses

    def infer(self, passes):
        self.model.eval()
        with torch.no_grad():
            for _ in range(passes):
                logits = [self.model(self.test_images[first:first + self.batch])
                          for first in range(0, len(self.test_images), self.batch)]
        return torch.cat(logits)

    def reply(self, values):
        values = torch.as_tensor(values, dtype=torch.float32).flatten()
        data = bytearray(4 * len(values))
        if data:
            torch.frombuffer(data, dtype=torch.float32).copy_(values)
        sys.stdout.buffer.write(b"%d\n" % len(values) + data)
        sys.stdout.buffer.flush()

    def run(self):
        verbs = {"weights": self.weights, "order": self.set_order, "train": self.train,
                 "infer": self.infer}
        self.reply([])
        for line in iter(sys.stdin.buffer.readline, b""):
            verb, number = line.decode().split()
            self.reply(verbs[verb](int(number)))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    options.add_argument("--epochs", type=int, default=4)
    options.add_argument("--images", type=int, default=60000, help="how many to train with")
    options.add_argument("--batch", type=int, default=128)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--serve", action="store_true", help="for cleat-bench")
    options = options.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    if options.serve:
        Server(options).run()
        return
    images, labels = load(options.data, "train", options.images)
    test_images, test_labels = load(options.data, "t10k", 10000)
    model = network()
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
            loss_sum += len(pick) * train_step(model, adam, criterion, images[pick], labels[pick])
            step += 1
        rate = len(images) / (time.perf_counter() - start)
        accuracy, test_rate = evaluate(model, test_images, test_labels)
        print(f"epoch {epoch + 1}: loss {loss_sum / len(images):.4f}, test accuracy {accuracy:.4f}, "
              f"training {rate:.0f} images/s, evaluation {test_rate:.0f} images/s", flush=True)


if __name__ == "__main__":
    main()
