# SPDX-License-Identifier: Apache-2.0
"""What compilers told of programs before: a run that was interrupted goes on, and one after a
change compiles what has changed."""
import hashlib
import inspect
import json
import os
import shlex
import threading

import compilers


def digest(data):
    return hashlib.sha256(data).hexdigest()


def code_of(vendor):
    """What decides how a program is compiled and its figures are read."""
    parts = [type(vendor), compilers.group_size, compilers.given_local, compilers.add]
    return "".join(inspect.getsource(part) for part in parts)


class Results:
    """One maker's, in a file that only grows: a line for each program and target, key and figures.
    Failures are not kept. Without a path nothing is."""

    def __init__(self, path, vendor):
        self.path = path
        self.known = {}
        self.found = 0
        self.lock = threading.Lock()
        if path is None:
            return
        self.vendor = vendor.name
        self.tools = [vendor.versions(), digest(code_of(vendor).encode())]
        if vendor.library:
            with open(vendor.library, "rb") as file:
                self.tools.append(digest(file.read()))
        self.read()

    def read(self):
        if not os.path.exists(self.path):
            return
        with open(self.path, encoding="utf-8") as file:
            text = file.read()
        for line in text.splitlines():
            try:
                key, figures = json.loads(line)
            except ValueError:  # the end of a run that was interrupted
                continue
            self.known[key] = figures
        if text and not text.endswith("\n"):
            with open(self.path, "a", encoding="utf-8") as file:
                file.write("\n")

    def key(self, program, target):
        """Of all that the figures depend on. A program's name tells its preprocessed text, so of
        its options those that define macros do not count."""
        options = [word for word in shlex.split(program.options) if not word.startswith("-D")]
        kernels = sorted((kernel, sorted(sizes)) for kernel, sizes in program.kernels.items())
        parts = [self.tools, self.vendor, target, program.name, program.unit, program.of_shapes,
                 options, kernels]
        return digest(json.dumps(parts).encode())

    def find(self, program, target):
        """kernel -> figures, or None."""
        if self.path is None:
            return None
        figures = self.known.get(self.key(program, target))
        if figures is not None:
            with self.lock:
                self.found += 1
        return figures

    def keep(self, program, target, figures):
        if self.path is None:
            return
        line = json.dumps([self.key(program, target), figures]) + "\n"
        with self.lock, open(self.path, "a", encoding="utf-8") as file:
            file.write(line)
