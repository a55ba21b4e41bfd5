# SPDX-License-Identifier: Apache-2.0
"""What the peers in PyTorch share: the choice of a device, and how cleat-bench asks them.

A request is a line "verb number" and the verb's data; the answer a line with a count, or with what
is wrong, and as many floats (bench/peer_pytorch.c).
"""
import sys

import torch


def add_options(parser):
    parser.add_argument("--serve", action="store_true", help="for cleat-bench")
    parser.add_argument("--device", help='as PyTorch calls it: "cuda:1", "cpu"')
    parser.add_argument("--name", help="a card's name")
    parser.add_argument("--threads", type=int, default=0, help="on the CPU (0: PyTorch's choice)")


def find_device(options):
    """The device that was named by --device, or the card of this name, or the first one."""
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    if options.device is not None:
        return torch.device(options.device)
    for index in range(torch.cuda.device_count()):
        if options.name in (None, torch.cuda.get_device_name(index)):
            return torch.device("cuda", index)
    raise LookupError(f"PyTorch shows no card called {options.name}" if options.name
                      else "PyTorch shows no card")


def device_or_exit(options):
    """The same; where there is none says why, and ends the program."""
    try:
        return find_device(options)
    except (LookupError, RuntimeError) as error:
        say(error)
        sys.exit(1)


def describe(device):
    if device.type == "cpu":
        return f"torch {torch.__version__} on the CPU"
    return f"torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}"


def say(text):
    print(" ".join(str(text).split())[:150], flush=True)


def wait(device):
    if device.type != "cpu":
        torch.cuda.synchronize(device)


def read(count, kind=torch.float32):
    """As many numbers of the request's data, of 4 bytes each."""
    return torch.frombuffer(bytearray(sys.stdin.buffer.read(4 * count)), dtype=kind)


def reply(values):
    values = torch.as_tensor(values, dtype=torch.float32).flatten()
    data = bytearray(4 * len(values))
    if data:
        torch.frombuffer(data, dtype=torch.float32).copy_(values)
    sys.stdout.buffer.write(b"%d\n" % len(values) + data)
    sys.stdout.buffer.flush()


def serve(device, verbs):
    """Answers requests by functions of the number; out of memory is a RuntimeError."""
    say("ok " + describe(device))
    for line in iter(sys.stdin.buffer.readline, b""):
        verb, number = line.decode().split()
        try:
            values = verbs[verb](int(number))
        except RuntimeError as error:
            say(f"error: {error}")
            continue
        reply(values if values is not None else [])
