# SPDX-License-Identifier: Apache-2.0
"""Compiles the kernels that the library would run on graphics cards for real ones, and tells what
they take: docs/vendors.md.

    vendors.py BUILD TOOLS OUT [--short] [--most N] [--vendor NAME]

BUILD is a build with tests, TOOLS where ci/vendors put compilers, OUT a folder for what is made.
--short: one program of each kernel, a target of each quick compiler. --most: programs of a kernel, 8
unless told otherwise, and a third of that where the compiler is slow (Intel's); 0: all of them."""
import argparse
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

import compilers
import report

# Programs about the library around the kernels, or with an OpenCL of their own.
WITHOUT = re.compile(r"_(cache|cache_archive|context|errors|example_files|faults|harness|memory|"
                     r"opencl|plan|refusals|schedule|tensor|threads|tuning|tuning_file|variants|"
                     r"verify|verify_operations)$")


class Program:
    """One that the library built: its source, options, and kernel name -> sizes of groups."""

    def __init__(self, folder, name):
        self.name = name
        self.source = os.path.join(folder, name + ".cl")
        with open(os.path.join(folder, name + ".options"), encoding="utf-8") as file:
            self.options = file.read()
        self.kernels = {}
        with open(os.path.join(folder, name + ".kernels"), encoding="utf-8") as file:
            for line in file:
                kernel, *size = line.split()
                self.kernels.setdefault(kernel, set()).add(tuple(int(n) for n in size))
        # Kernels for processors are tested on any device; nobody runs them on a card.
        self.kernels = {k: v for k, v in self.kernels.items() if "_cpu" not in k}


def record(build, folder, device, short):
    """Runs programs on an OpenCL that writes down what they build. Returns their exit statuses, and
    the programs that were launched: first those of vendor_shapes, the defaults for large shapes."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    tests = os.path.join(build, "tests")
    environment = dict(os.environ, CLEAT_OPENCL_LIBRARY=os.path.join(tests, "vendor_recorder.so"),
                       CLEAT_RECORD_DIR=folder, CLEAT_RECORD_DEVICE=device,
                       CLEAT_RECORD_CLANG=compilers.find_clang()[0], CLEAT_TEST_EFFORT="short",
                       CLEAT_TEST_BLIND="1", CLEAT_VERIFY="off", CLEAT_TUNING_FILE="none",
                       CLEAT_CACHE_DIR=os.path.join(folder, "cache"))
    programs = [os.path.join(tests, "vendor_shapes")]
    if not short:
        programs += sorted(os.path.join(tests, p) for p in os.listdir(tests)
                           if re.fullmatch(r"test_\w+", p) and not WITHOUT.search(p)
                           and os.access(os.path.join(tests, p), os.X_OK)
                           and not os.path.isdir(os.path.join(tests, p)))

    def one(program):
        with open(os.path.join(folder, os.path.basename(program) + ".log"), "wb") as log:
            done = subprocess.run([program], stdout=log, stderr=log, env=environment, timeout=300)
        return os.path.basename(program), done.returncode
    first = one(programs[0])
    names = launched(folder)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        ended = dict([first, *pool.map(one, programs[1:])])
    names += [name for name in launched(folder) if name not in names]
    return ended, [p for p in (Program(folder, name) for name in names) if p.kernels]


def launched(folder):
    return sorted(f[:-len(".kernels")] for f in os.listdir(folder) if f.endswith(".kernels"))


def thin_out(programs, most):
    """At most so many programs of each kernel, the first ones."""
    seen, kept = collections.Counter(), []
    for program in programs:
        if any(seen[kernel] < most for kernel in program.kernels):
            seen.update(program.kernels.keys())
            kept.append(program)
    return kept


def compile_program(vendor, program, targets):
    """Rows (vendor, target, program, kernel, figures), and texts of what failed."""
    rows, failures = [], []
    with tempfile.TemporaryDirectory() as folder:
        try:
            prepared = vendor.prepare(program, folder)
        except (compilers.Failure, subprocess.TimeoutExpired) as failure:
            return rows, [what_was_wrong(vendor.name, program, failure)]
        for target in targets:
            try:
                figures = vendor.compile(program, target, folder, prepared)
            except (compilers.Failure, subprocess.TimeoutExpired) as failure:
                failures.append(what_was_wrong(target, program, failure))
                continue
            for kernel in program.kernels:
                if kernel not in figures:
                    failures.append("%s: %s: nothing is told of kernel %s"
                                    % (target, program.name, kernel))
                    continue
                rows.append((vendor.name, target, program, kernel, figures[kernel]))
                if figures[kernel]["occupancy"] == 0:
                    failures.append("%s: %s: a group of %d work-items of %s does not fit" % (
                        target, program.name, compilers.group_size(program, kernel), kernel))
    return rows, failures


def what_was_wrong(vendor, program, failure):
    return "%s: %s (%s): %s" % (vendor, program.name, " ".join(program.kernels), failure)


def compile_all(vendor, programs, targets):
    rows, failures = [], []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for some, bad in pool.map(lambda p: compile_program(vendor, p, targets), programs):
            rows += some
            failures += bad
    return rows, failures


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("tools")
    parser.add_argument("out")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--most", type=int, default=8)
    parser.add_argument("--vendor")
    arguments = parser.parse_args()
    if arguments.short:
        arguments.most = 1
    return arguments


def main():
    arguments = parse_arguments()
    if compilers.find_clang()[0] is None:
        print("skipped: no clang of 15 or later with opencl-c.h")
        return 77
    result = report.Report()
    for make in (compilers.Nvidia, compilers.Amd, compilers.Intel):
        vendor = make(arguments.tools)
        if arguments.vendor not in (None, vendor.name) or (arguments.short and not vendor.quick):
            continue
        if vendor.missing:
            print("%s: not compiled for: %s" % (vendor.name, vendor.missing))
            continue
        folder = os.path.join(arguments.out, vendor.name)
        ended, programs = record(arguments.build, folder, vendor.name.lower(), arguments.short)
        targets = vendor.targets[1:2] if arguments.short else vendor.targets
        most = arguments.most if vendor.quick else -(-arguments.most // 3)
        print("%s: %d programs from %d runs%s" % (vendor.name, len(programs), len(ended),
              ", at most %d of a kernel compiled" % most if most else ""), flush=True)
        if most:
            programs = thin_out(programs, most)
        result.add(vendor, targets, *compile_all(vendor, programs, targets))
        if ended["vendor_shapes"] != 0:
            result.failures.append("vendor_shapes: exit status %d, see %s"
                                   % (ended["vendor_shapes"], folder))
    if not result.rows:
        print("skipped: no vendor's compiler is installed")
        return 77
    result.write(arguments.out)
    return result.tell()


if __name__ == "__main__":
    sys.exit(main())
