#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Convolutions in PyTorch, which on NVIDIA's cards are cuDNN's, as a peer to measure against.

    cleat-bench --list gpu-conv | bench/conv_pytorch.py

prints what each layer listed takes, f32, forward, in NCHW, with TF32 off and on, the quickest of
cuDNN's algorithms. With --serve it does what cleat-bench asks for on standard input, a line each
(bench/peer_cudnn.c): "layer N C H W M K STRIDE PADDING", "strict CALLS", "tf32 CALLS"; each answer is
"ok" or what is wrong.
"""
import argparse
import re
import statistics
import sys
import time

import torch
from torch.nn.functional import conv2d

sys.dont_write_bytecode = True  # the tree stays as it is
import pytorch_serve as server

LISTED = re.compile(r"(\d+)x(\d+)x(\d+) (\d+) (\d+)x\d+(?: s(\d+))? n(\d+)$")


class Layer:
    """Operands and result of one convolution, and whether the result is right."""

    def __init__(self, device, n, c, h, w, m, k, stride, padding):
        self.device, self.stride, self.padding, self.terms = device, stride, padding, c * k * k
        torch.manual_seed(1)
        self.x = torch.rand(n, c, h, w, device=device) * 2 - 1
        self.weights = torch.rand(m, c, k, k, device=device) * 2 - 1
        self.checked = set()  # False and True: with TF32 off and on
        self.y = None
        rows, columns = ((extent + 2 * padding - k) // stride + 1 for extent in (h, w))
        self.flop = 2.0 * n * m * rows * columns * self.terms

    def convolve(self, x, weights):
        return conv2d(x, weights, stride=self.stride, padding=self.padding)

    def run(self, calls, tf32):
        torch.backends.cudnn.allow_tf32 = tf32
        if tf32 not in self.checked:
            self.checked.add(tf32)
            self.check(tf32)
        for _ in range(calls):
            self.y = self.convolve(self.x, self.weights)
        server.wait(self.device)

    def check(self, tf32):
        """The first image against float64, within what sums of f32 may be off, Winograd's too."""
        self.run(1, tf32)
        x, weights = self.x[:1].double(), self.weights.double()
        want = self.convolve(x, weights)
        magnitude = self.convolve(x.abs(), weights.abs())
        allowed = (16 * self.terms ** 0.5 * 2 ** -24 + (2 ** -10 if tf32 else 0)) * magnitude
        worst = ((self.y[:1].double() - want).abs() / allowed).max().item()
        if not worst <= 1:
            raise ArithmeticError(f"results are off by {worst:.3g} of what is allowed")


def serve(device):
    server.say("ok " + server.describe(device))
    layer = None
    for line in iter(sys.stdin.readline, ""):
        verb, *numbers = line.split()
        try:
            if verb == "layer":
                layer = None  # its memory is free for the next one
                layer = Layer(device, *map(int, numbers))
            else:
                layer.run(int(numbers[0]), {"strict": False, "tf32": True}[verb])
            server.say("ok")
        except (RuntimeError, ArithmeticError) as error:  # out of memory is a RuntimeError
            server.say(error)


def seconds_of(layer, tf32):
    """Median of nine measurements of 50 ms or a call each."""
    layer.run(2, tf32)
    start = time.perf_counter()
    layer.run(1, tf32)
    calls = max(1, round(0.05 / (time.perf_counter() - start)))
    found = []
    for _ in range(9):
        start = time.perf_counter()
        layer.run(calls, tf32)
        found.append((time.perf_counter() - start) / calls)
    return statistics.median(found)


def show(device):
    print(server.describe(device))
    for line in sys.stdin:
        shape = LISTED.search(line.strip())
        if shape is None:
            continue
        c, h, w, m, k, stride, n = (int(number or 1) for number in shape.groups())
        layer = Layer(device, n, c, h, w, m, k, stride, k // 2)
        taken = [seconds_of(layer, tf32) for tf32 in (False, True)]
        told = ", ".join(f"{name} {1e3 * s:.4g} ms {1e-9 * layer.flop / s:.4g} GFLOP/s"
                         for name, s in zip(("strict", "tf32"), taken))
        print(f"{line.strip():40} {told}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    server.add_options(parser)
    options = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    device = server.device_or_exit(options)
    with torch.no_grad():
        serve(device) if options.serve else show(device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
