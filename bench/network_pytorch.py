#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks as lists of layers (bench/layers.h) in PyTorch, as a peer to measure against.

With --serve it does what cleat-bench asks for on standard input, in this order:

    layers COUNT      i32 [COUNT][8], the struct layer
    images BATCH      f32 [BATCH][channels][side][side]; labels BATCH: i32 [BATCH]
    weights COUNT     f32, as layered.values has them, with paddings
    adam 1, or sgd 1  f32, the learning rate; starts anew
    tf32 1            operands of products may be rounded to TF32; 0: not

then for "infer CALLS" and "train CALLS", a pass or a step each, waiting for the last one; and, to
be compared, for "logits 1", "gradients 1" (as layered.gradients), and "losses STEPS", of each step.

Images and weights lie on the device, in NCHW. Nothing is compiled or captured beforehand (eager);
cuDNN takes the quickest of its algorithms.
"""
import argparse
import sys

import torch
from torch import nn
from torch.nn import functional

sys.dont_write_bytecode = True  # the tree stays as it is
import pytorch_serve as server

IMAGES, CONV, NORM, SUM, MAX, MEAN, DENSE = range(7)
BIAS, RELU = 1, 2


class Layer:
    """A layer's numbers."""

    def __init__(self, numbers):
        (self.kind, self.source, self.beside, self.channels, self.window, self.stride,
         self.padding, self.flags) = numbers


def module_of(layer, shape):
    """The module of a layer and the shape of its result, from that of its input."""
    channels, side = shape
    if layer.kind == CONV:
        module = nn.Conv2d(channels, layer.channels, layer.window, layer.stride, layer.padding,
                           bias=bool(layer.flags & BIAS))
    elif layer.kind == NORM:
        return nn.BatchNorm2d(channels), shape
    elif layer.kind == MAX:
        module = nn.MaxPool2d(layer.window, layer.stride, layer.padding)
    elif layer.kind == MEAN:
        return nn.AdaptiveAvgPool2d(1), (channels, 1)
    elif layer.kind == DENSE:
        dense = nn.Linear(channels * side * side, layer.channels)
        return nn.Sequential(nn.Flatten(), dense), (layer.channels, 1)
    else:
        return nn.Identity(), shape
    side = (side + 2 * layer.padding - layer.window) // layer.stride + 1
    return module, (layer.channels or channels, side)


class Network(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers
        self.parts = nn.ModuleList([nn.Identity()])
        shapes = [(layers[0].channels, layers[0].window)]
        self.last_use = {}
        for place, layer in enumerate(layers[1:], 1):
            module, shape = module_of(layer, shapes[layer.source])
            self.parts.append(module)
            shapes.append(shape)
            self.last_use[layer.source] = self.last_use[layer.beside] = place

    def forward(self, images):
        results = [images]
        for place, (layer, part) in enumerate(zip(self.layers[1:], self.parts[1:]), 1):
            x = results[layer.source]
            y = x.add_(results[layer.beside]) if layer.kind == SUM else part(x)
            results.append(functional.relu_(y) if layer.flags & RELU else y)
            for other in (layer.source, layer.beside):
                if self.last_use[other] == place:
                    results[other] = None  # its memory is free for the next ones
        return results[-1]

    def statistics(self):
        return [numbers for part in self.parts if isinstance(part, nn.BatchNorm2d)
                for numbers in (part.running_mean, part.running_var)]


def padded(count):
    return (count + 15) // 16 * 16


class Server:
    def __init__(self, device):
        self.device = device
        self.network = self.images = self.labels = self.optimizer = None

    def layers(self, count):
        numbers = server.read(8 * count, torch.int32).view(count, 8).tolist()
        self.network = self.images = self.labels = self.optimizer = None
        if self.device.type != "cpu":
            torch.cuda.empty_cache()
        self.network = Network([Layer(row) for row in numbers]).to(self.device)

    def take_images(self, batch):
        first = self.network.layers[0]
        shape = batch, first.channels, first.window, first.window
        self.images = server.read(torch.Size(shape).numel()).view(shape).to(self.device)

    def take_labels(self, batch):
        self.labels = server.read(batch, torch.int32).long().to(self.device)

    def weights(self, count):
        values, offset = server.read(count), 0
        with torch.no_grad():
            for target in [*self.network.parameters(), *self.network.statistics()]:
                part = values[offset:offset + target.numel()]
                target.copy_(part.view_as(target))
                offset += padded(target.numel())
        if offset != count:
            raise RuntimeError(f"{count} parameters came, {offset} are wanted")

    def adam(self, _):
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=server.read(1).item())

    def sgd(self, _):
        rate = server.read(1).item()
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=rate, momentum=0.9)

    @staticmethod
    def tf32(allowed):
        torch.backends.cudnn.allow_tf32 = bool(allowed)
        torch.backends.cuda.matmul.allow_tf32 = bool(allowed)

    def logits(self, calls):
        self.network.eval()
        with torch.no_grad():
            for _ in range(calls):
                found = self.network(self.images)
        server.wait(self.device)
        return found

    def infer(self, calls):
        self.logits(calls)

    def differentiate(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(self.network(self.images), self.labels)
        loss.backward()
        return loss.detach()

    def gradients(self, _):
        self.network.train()
        self.differentiate()
        parts = []
        for parameter in self.network.parameters():
            parts.append(parameter.grad.flatten())
            parts.append(parts[-1].new_zeros(padded(parameter.numel()) - parameter.numel()))
        return torch.cat(parts)

    def losses(self, steps):
        self.network.train()
        found = []
        for _ in range(steps):
            found.append(self.differentiate())
            self.optimizer.step()
        server.wait(self.device)
        return found

    def train(self, steps):
        self.losses(steps)

    def run(self):
        server.serve(self.device, {
            "layers": self.layers, "images": self.take_images, "labels": self.take_labels,
            "weights": self.weights, "adam": self.adam, "sgd": self.sgd, "tf32": self.tf32,
            "logits": self.logits, "infer": self.infer, "gradients": self.gradients,
            "losses": self.losses, "train": self.train})


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    server.add_options(parser)
    options = parser.parse_args()
    if not options.serve:
        parser.error("only --serve")
    torch.backends.cudnn.benchmark = True
    device = server.device_or_exit(options)
    Server(device).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
