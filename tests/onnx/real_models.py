# SPDX-License-Identifier: Apache-2.0
"""Networks that somebody trained, as Python's packages bring them, from real input to an answer: files whose
type is guessed (magika), a spoken word and noise (silero-vad), a line and a page of text (rapidocr). Each goes
through `cleat run`; the answer must be right, and all outputs those of ONNX Runtime within a tolerance.
    real_models.py CLEAT MODELS SOUNDS SOURCE FOLDER
MODELS: where the packages were unpacked; SOUNDS: alsa-utils' WAV files; SOURCE: Cleat's sources, which are
some of the input; FOLDER: for files. ci/onnx calls it."""
import json
import pathlib
import subprocess
import sys
import wave

import numpy
import onnx
import onnxruntime
from PIL import Image, ImageDraw, ImageFont

cleat, models, sounds, source, folder = sys.argv[1], *map(pathlib.Path, sys.argv[2:6])
U = 2.0 ** -24
told, failed = 0, 0


def terms_of(path):
    """How many products one after the other at most, and the terms of the longest of their sums."""
    graph = onnx.load(path).graph
    weights = {w.name: w.dims for w in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            weights[node.output[0]] = node.attribute[0].t.dims
    count, terms = 0, 1
    for node in graph.node:
        shape = next((weights[i] for i in list(node.input)[1:] if i in weights), None)
        if node.op_type not in ("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM") or shape is None:
            continue
        count += 1
        terms = max(terms, int(numpy.prod(shape[1:])) if node.op_type.startswith("Conv") else max(shape[-2:]))
    return count, terms


def tolerance(path):
    """A sum of K terms is off by 4 sqrt(K) u of its size at most, most of the time (docs/testing.md). What is
    between the products hands a relative error on, so that after L of them it is L times that in each of two
    runs; a cell that goes over a sequence forgets, and with that its errors, too. Of an output between 0 and 1 that
    is the absolute error."""
    count, terms = terms_of(path)
    return 2 * 4 * terms ** 0.5 * U * count


def run(path, inputs, options=()):
    """All outputs of `cleat run`, by name; inputs are arrays or, for one, the path of an image."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    arguments, outputs = [], [o.name for o in session.get_outputs()]
    for name, value in inputs.items():
        if isinstance(value, numpy.ndarray):
            numpy.save(folder / "input.npy" if len(inputs) == 1 else folder / f"{name}.npy", value)
            value = folder / ("input.npy" if len(inputs) == 1 else f"{name}.npy")
        arguments += ["--input", f"{name}={value}"]
    for i, name in enumerate(outputs):
        arguments += ["--output", f"{name}={folder / f'output{i}.npy'}"]
    done = subprocess.run([cleat, "run", str(path), *arguments, *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return {name: numpy.load(folder / f"output{i}.npy") for i, name in enumerate(outputs)}


def compare(path, inputs, got):
    """The largest difference to ONNX Runtime, in parts of what is allowed."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    worst = 0.0
    for name, want in zip(names, session.run(names, inputs)):
        if got[name].shape != want.shape or got[name].dtype != want.dtype:
            raise RuntimeError(f"{name} is {got[name].dtype} {got[name].shape}, not {want.dtype} {want.shape}")
        size = max(1.0, float(numpy.abs(want).max()))
        off = float(numpy.abs(got[name].astype("f8") - want.astype("f8")).max())
        worst = max(worst, off / (size * tolerance(path)))
    return worst


def tell(name, good, answer, worst):
    global told, failed
    good = good and worst <= 1
    told += 1
    failed += not good
    print(f"{'passed' if good else 'FAILED'}  {name}: {answer}; off by {worst:.3f} of what is allowed")


# ---- The type of a file ----

def file_types():
    home = models / "magika/models/standard_v3_3"
    settings = json.loads((home / "config.min.json").read_text())
    labels = settings["target_labels_space"]
    begin, end, block = settings["beg_size"], settings["end_size"], settings["block_size"]
    for file, want in (("src/graph/model.c", "c"), ("README.md", "markdown"), ("tests/onnx/real_models.py", "python"),
                       ("ci/setup", "shell"), ("docs/fashion-mnist.png", "png")):
        data = (source / file).read_bytes()
        first, last = data[:block].lstrip()[:begin], data[-block:].rstrip()[-end:]
        tokens = numpy.full((1, begin + end), settings["padding_token"], "i4")
        tokens[0, :len(first)] = list(first)
        tokens[0, begin + end - len(last):] = list(last)
        inputs = {"bytes": tokens}
        got = run(home / "model.onnx", inputs)
        scores = got["target_label"][0]
        tell(f"magika, {file}", labels[scores.argmax()] == want, f"{labels[scores.argmax()]}, {scores.max():.3f}",
             compare(home / "model.onnx", inputs, got))


# ---- Whether somebody speaks ----

def sound(name):
    """Samples in [-1, 1] at 16 kHz, from 48 kHz: every third one, after what is above 7 kHz is taken away."""
    with wave.open(str(sounds / name)) as file:
        assert file.getframerate() == 48000 and file.getsampwidth() == 2
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype("f8") / 32768
        samples = samples.reshape(-1, file.getnchannels()).mean(axis=1)
    at = numpy.arange(-120, 121)
    kernel = numpy.sinc(at * 14000 / 48000) * 14000 / 48000 * numpy.hamming(len(at))
    return numpy.convolve(samples, kernel, "same")[::3].astype("f4")


def speech():
    path = models / "silero_vad/data/silero_vad_16k_sequence.onnx"
    step, before = 512, 64 # samples of a piece, and of the one before it that come along
    for name, want in (("Front_Center.wav", True), ("Noise.wav", False)):
        samples = sound(name)
        count = len(samples) // step
        padded = numpy.concatenate([numpy.zeros(before, "f4"), samples[:count * step]])
        pieces = numpy.stack([padded[i * step:i * step + before + step] for i in range(count)])
        inputs = {"input": pieces, "h": numpy.zeros((1, 1, 128), "f4"), "c": numpy.zeros((1, 1, 128), "f4")}
        got = run(path, inputs)
        spoken = float((got["speech_probs"] > 0.5).mean())
        tell(f"silero-vad, {name}", spoken > 0.4 if want else spoken < 0.1, f"{100 * spoken:.0f} % of it is speech",
             compare(path, inputs, got))


# ---- Text ----

def picture(lines, height, width, size):
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size)
    for place, text in lines:
        draw.text(place, text, fill="black", font=font)
    path = folder / "text.png"
    image.save(path)
    return path, numpy.asarray(image).astype("f4")[:, :, ::-1].transpose(2, 0, 1)[None]


def read_line():
    path = models / "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"
    letters = onnxruntime.InferenceSession(str(path)).get_modelmeta().custom_metadata_map["character"].splitlines()
    letters = ["", *letters, " "] # nothing comes first, the blank last
    for text in ("OpenCL, answers out", "42 networks in C11"):
        file, image = picture([((8, 4), text)], 48, 320, 32)
        got = run(path, {"x": file}, ["--mean", "0.5", "--std", "0.5", "--channels", "bgr"])
        best = next(iter(got.values()))[0].argmax(axis=1)
        said = "".join(letters[k] for i, k in enumerate(best) if i == 0 or k != best[i - 1]).strip()
        tell("rapidocr, a line", said == text, f"\"{said}\"",
             compare(path, {"x": ((image / 255 - 0.5) / 0.5).astype("f4")}, got))


def find_lines():
    path = models / "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"
    rows = (40, 120, 200)
    file, image = picture([((30, y), text) for y, text in zip(rows, ("Networks in,", "answers out,", "on any device"))],
                          288, 480, 36)
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    got = run(path, {"x": file}, ["--mean", ",".join(map(str, mean)), "--std", ",".join(map(str, deviation)),
                                  "--channels", "bgr"])
    inside = (next(iter(got.values()))[0, 0] > 0.3).any(axis=1)
    begins = numpy.flatnonzero(inside & ~numpy.roll(inside, 1))
    shape = (1, 3, 1, 1)
    normal = (image / 255 - numpy.array(mean).reshape(shape)) / numpy.array(deviation).reshape(shape)
    tell("rapidocr, a page", len(begins) == 3 and all(abs(b - y) < 24 for b, y in zip(begins, rows)),
         f"{len(begins)} lines, at rows {', '.join(map(str, begins))}",
         compare(path, {"x": normal.astype("f4")}, got))


for check in (file_types, speech, read_line, find_lines):
    try:
        check()
    except RuntimeError as error:
        told += 1
        failed += 1
        print(f"FAILED  {check.__name__}: {error}")
print(f"real: passed {told - failed} of {told}, unsupported 0, failed {failed}")
sys.exit(failed != 0)
