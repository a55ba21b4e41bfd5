# SPDX-License-Identifier: Apache-2.0
"""Images as inputs of `cleat run`, through models that give back what they get, compared with the same
resampling and normalisation in float64 here.
    image_input.py CLEAT FOLDER
check.run_model calls it; what it writes goes to FOLDER."""
import base64
import math
import random
import struct
import subprocess
import sys
import zlib

cleat, folder = sys.argv[1], sys.argv[2]
bad = 0
FLOAT, UINT8 = 1, 2  # ONNX's numbers


def say(text):
    global bad
    bad = 1
    print(text)


# ---- Files ----

def field(number, content):
    """A field of protobuf's: bytes, or a whole number."""
    def varint(value):
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def write_model(name, kind, shape):
    """y = x; an extent that is a text is open."""
    def value(called):
        axes = b"".join(field(1, field(2, e) if isinstance(e, str) else field(1, e)) for e in shape)
        return field(1, called) + field(2, field(1, field(1, kind) + field(2, axes)))
    node = field(1, "x") + field(2, "y") + field(4, "Identity")
    graph = field(1, node) + field(2, "g") + field(11, value("x")) + field(12, value("y"))
    path = f"{folder}/{name}.onnx"
    with open(path, "wb") as file:
        file.write(field(1, 8) + field(7, graph) + field(8, field(2, 13)))
    return path


def write_png(name, rows, colour=2):
    """rows of pixels, each a tuple; colour: 2 for RGB, 6 with alpha."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    raw = b"".join(b"\0" + bytes(v for pixel in row for v in pixel) for row in rows)
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, colour, 0, 0, 0)
    path = f"{folder}/{name}.png"
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw))
                   + chunk(b"IEND", b""))
    return path


def read_npy(path):
    """Shape and elements."""
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack_from("<H", data, 8)[0]
    head = data[10:10 + size].decode()
    shape = [int(e) for e in head[head.index("(") + 1:head.index(")")].split(",") if e.strip()]
    count = math.prod(shape)
    return shape, list(struct.unpack_from(f"<{count}" + ("f" if "<f4" in head else "B"), data, 10 + size))


# ---- What is expected ----

def resampled(line, first, step, count):
    """The triangle filter along one axis."""
    reach = max(step, 1)
    result = []
    for i in range(count):
        centre = first + (i + 0.5) * step
        weights = [max(0, 1 - abs(k + 0.5 - centre) / reach) for k in range(len(line))]
        result.append(sum(w * v for w, v in zip(weights, line)) / sum(weights))
    return result


def planes(rows, height, width, crop):
    """Red, green and blue, each in rows of float64."""
    high, wide = float(len(rows)), float(len(rows[0]))
    top = left = 0.0
    if crop:
        step = min(high / height, wide / width)
        top, left = (high - step * height) / 2, (wide - step * width) / 2
        high, wide = step * height, step * width
    result = []
    for colour in range(3):
        across = [resampled([p[colour] for p in row], left, wide / width, width) for row in rows]
        down = [resampled(column, top, high / height, height) for column in zip(*across)]
        result.append([list(row) for row in zip(*down)])
    return result


def expect(what, got, shape, want, allowed):
    if got[0] != list(shape):
        say(f"{what}: the shape is {got[0]}, not {list(shape)}")
        return
    for i, (g, w) in enumerate(zip(got[1], want)):
        if not abs(g - w) <= allowed:
            say(f"{what}: element {i} is {g}, not {w} within {allowed:g}")
            return


def run(model, image, *options):
    """The output, or None where the command failed; and what it said."""
    path = f"{folder}/image_output.npy"
    done = subprocess.run([cleat, "run", model, "--input", image, "--output", path, *options],
                          capture_output=True, text=True)
    return (read_npy(path) if done.returncode == 0 else None), done.stdout + done.stderr, done.returncode


def flat(list_of_planes):
    return [v for plane in list_of_planes for row in plane for v in row]


def compare(what, rows, shape, size, options, wanted, allowed, kind=FLOAT):
    """wanted makes the elements of the three planes."""
    model = write_model("image_model", kind, shape)
    got, said, _ = run(model, write_png("image", rows), *options)
    if got is None:
        say(f"{what}: {said}")
        return
    crop = "crop" in options
    want = wanted(planes(rows, size[0], size[1], crop))
    channels = 1 if len(want) == size[0] * size[1] else 3
    full = [1, channels, *size] if "nhwc" not in options else [1, *size, channels]
    expect(what, got, full[4 - len(shape):], want, allowed)


def picture(height, width):
    return [[tuple(random.randrange(256) for _ in range(3)) for _ in range(width)] for _ in range(height)]


def normal(mean, deviation, order=(0, 1, 2), scale=1 / 255):
    return lambda p: flat([[[(v * scale - mean[i]) / deviation[i] for v in row] for row in p[c]]
                           for i, c in enumerate(order)])


def nhwc(p):
    return [p[c][y][x] / 255 for y in range(len(p[0])) for x in range(len(p[0][0])) for c in (2, 1, 0)]


def gray(p):
    return [(0.299 * r + 0.587 * g + 0.114 * b) / 255 for rows in zip(*p) for r, g, b in zip(*rows)]


random.seed(7)
unit = 2.0 ** -24
mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
texts = ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"]
# Roundings: two when resampled, the scale and its product, mean, difference and quotient.
rounded = 8 * unit
scaled = 8 * unit * 1.5 / 0.224
compare("its own size", picture(4, 5), ["N", 3, "H", "W"], (4, 5), texts, normal(mean, deviation), scaled)
compare("smaller", picture(17, 23), [1, 3, 4, 5], (4, 5), texts, normal(mean, deviation), scaled)
compare("larger", picture(3, 2), [3, 7, 5], (7, 5), ["--layout", "nchw"], normal([0] * 3, [1] * 3), rounded)
compare("cropped", picture(9, 20), [1, 3, 4, 5], (4, 5), ["--resize", "crop"], normal([0] * 3, [1] * 3), rounded)
compare("cropped, upright", picture(31, 6), [1, 3, 4, 5], (4, 5), ["--resize", "crop"],
        normal([0] * 3, [1] * 3), rounded)
compare("channels last, blue first", picture(6, 8), ["N", "H", "W", 3], (3, 4),
        ["--size", "3x4", "--layout", "nhwc", "--channels", "bgr"], nhwc, rounded)
compare("a mean for all", picture(6, 8), ["N", 3, "H", "W"], (6, 8), ["--mean", "127.5", "--std", "2", "--scale", "1"],
        normal([127.5] * 3, [2] * 3, scale=1), 255 * rounded)
compare("gray", picture(6, 8), [1, 1, 6, 8], (6, 8), [], gray, rounded)
compare("gray of two axes", picture(6, 8), [6, 8], (6, 8), ["--channels", "gray"], gray, rounded)
compare("bytes", picture(6, 8), [1, 3, 6, 8], (6, 8), [], normal([0] * 3, [1] * 3, scale=1), 0, UINT8)

model = write_model("image_model", FLOAT, ["N", 3, "H", "W"])
clear = write_png("clear", [[(10, 20, 30, 0), (10, 20, 30, 255)]], 6)
got, said, _ = run(model, clear, "--scale", "1")
if got is None:
    say(said)
else:
    expect("transparent", got, [1, 3, 1, 2], [255, 10, 255, 20, 255, 30], 0)

# 16 x 16 of one colour, 200, 40, 90; JPEG rounds that in another space, by two units at most.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywt"
    "QFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09P"
    "T09PT09PT09PT09PT09PT09PT0//wAARCAAQABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/xAAUEAEA"
    "AAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAAAQb/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIR"
    "AxEAPwCUAFW//9k=")
with open(f"{folder}/image.jpg", "wb") as file:
    file.write(JPEG)
with open(f"{folder}/cut.jpg", "wb") as file:
    file.write(JPEG[:-20])
got, said, _ = run(model, f"{folder}/image.jpg", "--scale", "1")
if got is None:
    if "built without libturbojpeg" in said:
        print("without JPEG")
    else:
        say(said)
else:
    expect("JPEG", got, [1, 3, 16, 16], [200] * 256 + [40] * 256 + [90] * 256, 2)
    if run(model, f"{folder}/cut.jpg")[2] != 1:
        say("a JPEG that is cut short is taken")

# ---- What is refused ----
image = write_png("image", picture(4, 5))
with open(image, "rb") as file, open(f"{folder}/cut.png", "wb") as cut:
    cut.write(file.read()[:60])
fixed = write_model("image_fixed", FLOAT, [1, 3, 4, 5])
for status, text, arguments in (
        (1, "cut.png: ", [model, f"{folder}/cut.png"]),
        (1, "the model's input: 4", [write_model("image_wide", FLOAT, [1, 4, 5, 3]), image]),
        (1, "the model's input: 3", [fixed, image, "--channels", "gray"]),
        (1, "whose height is: 4", [fixed, image, "--size", "8x8"]),
        (1, "the model expects i64", [write_model("image_whole", 7, [1, 3, 4, 5]), image]),
        (1, "2 to 4 axes", [write_model("image_line", FLOAT, [5]), image]),
        (2, '"1,2"', [model, image, "--mean", "1,2"]), (2, '"1,2,3,4"', [model, image, "--mean", "1,2,3,4"]),
        (2, '"x"', [model, image, "--mean", "x"]), (2, '"0"', [model, image, "--std", "0"]),
        (2, '"nope"', [model, image, "--layout", "nope"]), (2, '"3"', [model, image, "--size", "3"]),
        (2, '"0x3"', [model, image, "--size", "0x3"]), (2, '"cmyk"', [model, image, "--channels", "cmyk"]),
        (2, '"pad"', [model, image, "--resize", "pad"]), (2, '"-1"', [model, image, "--scale", "-1"])):
    _, said, got_status = run(*arguments)
    if got_status != status or text not in said:
        say(f"{arguments[2:] or arguments}: status {got_status}, expected {status} and {text}: {said}")
sys.exit(bad)
