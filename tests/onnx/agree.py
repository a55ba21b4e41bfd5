#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether Cleat and ONNX Runtime agree about networks:

    agree.py CLEAT MODEL.onnx...            CLEAT is the command
    agree.py --write FOLDER MODEL.onnx...   only writes the models that would be compared, for
                                            `cleat-bench model`; the size of a batch is left open

The light models of the Python package onnx have weights that are one number, with which every class
is as likely as every other; here weights are drawn, scaled so that values keep their size from layer
to layer, and so is the input.

What is allowed follows from the graph. Each product of K terms may be off by 4 sqrt(K) u S, S the
sum of its terms' magnitudes (docs/testing.md). ONNX Runtime runs the graph once more with that
added to each product, with signs that are drawn: the output is then off by what such errors come
to behind all the layers. Both Cleat and ONNX Runtime may be as far off, so that the norm of their
difference may be twice that one. Other operators round a few times, not sqrt(K), and are left out.
"""
import math
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
from onnx import helper, numpy_helper, shape_inference

ROUNDING = 2.0**-24


class Network:
    """A model whose weights are drawn."""

    def __init__(self, path):
        self.model = onnx.load(path)
        self.graph = self.model.graph
        self.random = numpy.random.default_rng(len(self.graph.node))
        self.constants = {}
        self.fold_constants()
        self.draw_weights()
        read = {name for node in self.graph.node for name in node.input}
        self.graph.initializer.extend(numpy_helper.from_array(value, name)
                                      for name, value in self.constants.items() if name in read)
        self.model.ir_version = max(self.model.ir_version, 4)  # initialisers are no inputs
        self.drop_inputs()
        self.drop_softmax()

    def fold_constants(self):
        """What follows from initialisers becomes one."""
        self.constants = {i.name: numpy_helper.to_array(i) for i in self.graph.initializer}
        del self.graph.initializer[:]
        left = []
        for node in self.graph.node:
            if all(name in self.constants for name in node.input):
                self.constants[node.output[0]] = self.result_of(node)
            else:
                left.append(node)
        del self.graph.node[:]
        self.graph.node.extend(left)

    def result_of(self, node):
        known = [numpy_helper.from_array(self.constants[name], name) for name in node.input]
        result = onnx.ValueInfoProto(name=node.output[0])
        graph = helper.make_graph([node], "constant", [], [result], known)
        return run_other(helper.make_model(
            graph, opset_imports=self.model.opset_import, ir_version=4), {})

    def draw(self, name, center, spread):
        if name in self.constants:
            shape = self.constants[name].shape
            drawn = center + spread * self.random.uniform(-1, 1, shape)
            self.constants[name] = drawn.astype(numpy.float32)

    def draw_weights(self):
        for node in self.graph.node:
            if node.op_type in ("Conv", "Gemm"):
                terms = self.terms(node)
                self.draw(node.input[1], 0, math.sqrt(6 / terms))
                for name in node.input[2:]:
                    self.draw(name, 0, 0.1)
            elif node.op_type == "BatchNormalization":
                for name, center in zip(node.input[1:], (1, 0, 0, 1)):
                    self.draw(name, center, 0.3)
            elif node.op_type in ("Mul", "Add"):
                for name in node.input:
                    self.draw(name, 1 if node.op_type == "Mul" else 0, 0.3)

    def terms(self, node):
        """Those of each sum of a product."""
        shape = self.constants[node.input[1]].shape
        if node.op_type == "Conv":
            return int(numpy.prod(shape[1:]))
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        return shape[1 if transposed else 0]

    def drop_inputs(self):
        inputs = [i for i in self.graph.input if i.name not in self.constants]
        del self.graph.input[:]
        self.graph.input.extend(inputs)

    def drop_softmax(self):
        """It hides most of what comes before: large differences make a one and zeros."""
        last = self.graph.node[-1]
        if last.op_type == "Softmax":
            self.graph.output[0].name = last.input[0]
            self.graph.node.remove(last)

    def draw_input(self):
        value = self.graph.input[0]
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        return value.name, self.random.uniform(-1, 1, shape).astype(numpy.float32)

    def perturbed(self):
        """The same with an error in each product."""
        model = shape_inference.infer_shapes(self.model)
        shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
                  for v in [*model.graph.value_info, *model.graph.output]}
        nodes, added = [], []

        def constant(name, value):
            added.append(numpy_helper.from_array(numpy.asarray(value, numpy.float32), name))
            return name

        for number, node in enumerate(model.graph.node):
            if node.op_type not in ("Conv", "Gemm"):
                nodes.append(node)
                continue
            y, name = node.output[0], f"perturbed_{number}"
            bound = 4 * math.sqrt(self.terms(node)) * ROUNDING
            signs = self.random.choice((-bound, bound), shapes[y])
            weights = numpy.abs(self.constants[node.input[1]])
            sums = helper.make_node(
                node.op_type, [f"{name}_x", constant(f"{name}_w", weights)], [f"{name}_s"])
            sums.attribute.extend(node.attribute)
            if node.op_type == "Gemm":
                sums.input.append(constant(f"{name}_b", numpy.zeros(1)))
            node.output[0] = f"{name}_y"
            nodes += [node, helper.make_node("Abs", [node.input[0]], [f"{name}_x"]), sums,
                      helper.make_node(
                          "Mul", [f"{name}_s", constant(f"{name}_e", signs)], [f"{name}_n"]),
                      helper.make_node("Add", [f"{name}_y", f"{name}_n"], [y])]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(added)
        return model


    def open_batch(self):
        """Any first extent of the input, where the model is for one image."""
        axis = self.graph.input[0].type.tensor_type.shape.dim[0]
        axis.dim_param = "N"
        del self.graph.value_info[:]
        for output in self.graph.output:
            output.type.tensor_type.ClearField("shape")
        for node in self.graph.node:
            for constant in self.graph.initializer:
                if node.op_type == "Reshape" and constant.name == node.input[1]:
                    shape = numpy_helper.to_array(constant).copy()
                    shape[0] = 0 if shape[0] == 1 else shape[0]  # 0: as it is
                    constant.CopyFrom(numpy_helper.from_array(shape, constant.name))


def title_of(path):
    return os.path.basename(path).removeprefix("light_").removesuffix(".onnx")


def write(folder, path):
    network = Network(path)
    network.open_batch()
    onnx.save(network.model, os.path.join(folder, title_of(path) + ".onnx"))


def run_other(model, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def run_cleat(command, model, x, folder):
    paths = [os.path.join(folder, name) for name in ("model.onnx", "x.npy", "y.npy")]
    onnx.save(model, paths[0])
    numpy.save(paths[1], x)
    subprocess.run([command, "run", paths[0], "--input", paths[1], "--output", paths[2],
                    "--repeat", "3"], check=True, stdout=subprocess.DEVNULL)
    return numpy.load(paths[2])


def norm(x):
    return numpy.linalg.norm(x.astype(numpy.float64))


def compare(command, path):
    network = Network(path)
    name, x = network.draw_input()
    with tempfile.TemporaryDirectory() as folder:
        mine = run_cleat(command, network.model, x, folder)
    theirs = run_other(network.model, {name: x})
    allowed = 2 * norm(run_other(network.perturbed(), {name: x}) - theirs)
    found, size = norm(mine - theirs), norm(theirs)
    good = mine.shape == theirs.shape and found <= allowed
    print(f"| {title_of(path)} | {found / size:.1e} | {allowed / size:.1e} |" + ("" if good else " fails"),
          flush=True)
    return good


def main():
    if sys.argv[1:2] == ["--write"] and len(sys.argv) > 3:
        for path in sys.argv[3:]:
            write(sys.argv[2], path)
        return 0
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    results = [compare(sys.argv[1], path) for path in sys.argv[2:]]
    print(f"agreement: {sum(results)} of {len(results)} networks")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
