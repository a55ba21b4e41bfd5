#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime on the processor, as a peer of cleat-bench.

    model_onnxruntime.py serve THREADS      does what lines on standard input ask for:
        load PATH       makes a session
        input PLACE     an input: i64 rank and extents, then f32 elements
        run CALLS       runs it so often
        output PLACE    the output of the last run
    model_onnxruntime.py once THREADS PATH  loads a model, runs it once on zeros, and prints the
                                            seconds that both took and the peak of memory, in MiB

An answer is a line with a count, or with what is wrong, and as many floats.
"""
import struct
import sys
import time

import numpy
import onnxruntime


def make_session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Server:
    def __init__(self, threads):
        self.threads = threads
        self.session, self.inputs, self.outputs = None, {}, []

    def load(self, path):
        self.session = None  # its memory first
        self.session = make_session(path, self.threads)
        self.inputs, self.outputs = {}, []

    def input(self, place):
        source = sys.stdin.buffer
        rank, = struct.unpack("q", source.read(8))
        shape = struct.unpack(f"{rank}q", source.read(8 * rank))
        data = source.read(4 * int(numpy.prod(shape)))
        name = self.session.get_inputs()[int(place)].name
        self.inputs[name] = numpy.frombuffer(data, numpy.float32).reshape(shape)

    def run(self, calls):
        for _ in range(int(calls)):
            self.outputs = self.session.run(None, self.inputs)

    def output(self, place):
        return self.outputs[int(place)]

    def serve(self):
        verbs = {"load": self.load, "input": self.input, "run": self.run, "output": self.output}
        print(f"ok onnxruntime {onnxruntime.__version__}", flush=True)
        for line in iter(sys.stdin.buffer.readline, b""):
            verb, argument = line.decode().rstrip("\n").split(" ", 1)
            try:
                values = verbs[verb](argument)
            except Exception as error:  # pylint: disable=broad-except # ONNX Runtime has its own
                print(" ".join(str(error).split())[:150], flush=True)
                continue
            data = b"" if values is None else values.astype(numpy.float32).tobytes()
            sys.stdout.buffer.write(b"%d\n" % (len(data) // 4) + data)
            sys.stdout.buffer.flush()


def memory_peak():
    """In MiB, of this program: getrusage() would count what started it, too."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def run_once(path, threads):
    start = time.perf_counter()
    session = make_session(path, threads)
    inputs = {i.name: numpy.zeros([n if isinstance(n, int) else 1 for n in i.shape], numpy.float32)
              for i in session.get_inputs()}
    session.run(None, inputs)
    taken = time.perf_counter() - start
    print(taken, memory_peak())


def main():
    if sys.argv[1:2] == ["serve"] and len(sys.argv) == 3:
        Server(int(sys.argv[2])).serve()
    elif sys.argv[1:2] == ["once"] and len(sys.argv) == 4:
        run_once(sys.argv[3], int(sys.argv[2]))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
