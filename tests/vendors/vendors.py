# SPDX-License-Identifier: Apache-2.0
"""Compiles the kernels that the library would run on graphics cards for real ones, and tells what
they take: docs/vendors.md.

    vendors.py BUILD TOOLS OUT [--short | --shapes] [--vendor NAME]

BUILD is a build with tests, TOOLS where ci/vendors put compilers, OUT a folder for what is made.
All programs are compiled, with --shapes those of shapes.c alone. What a compiler told is kept in
OUT, and not asked for again. --short: the first program of each kernel, one target of each quick
compiler, one thing at a time, and nothing kept. Exit status 77: nothing can be compiled here."""
import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import compilers
import report
import results

# Programs about the library around the kernels, or with an OpenCL of their own.
WITHOUT = re.compile(r"_(cache|cache_archive|context|errors|example_files|fault_devices|"
                     r"fault_limits|fault_operations|faults|harness|memory|opencl|plan|refusals|"
                     r"schedule|tensor|conv2d_units|conv_compute|matmul_stages|matmul_units|"
                     r"matrix_units|threads|tuning|tuning_file|variants|variants_refused|verify|"
                     r"verify_kinds|verify_operations)$")
SHAPES = "vendor_shapes"
LONGEST = 300  # seconds that a program may run

KERNELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cl")
# Kernels that graphics cards never run, beside those with "_cpu" in their name: what launches them
# wants a processor.
FOR_PROCESSORS = set("""
    average_pool2d_backward_planes average_pool2d_backward_rows conv2d_bias conv2d_bias_sum fill
    gather_rows local_norm_strips
    max_pool2d_3x3_backward max_pool2d_backward_planes max_pool2d_backward_rows normalize_rows
    pad_pieces pool2d_2x2 pool2d_2x2_backward pool2d_3x3 pool2d_channels_last pool2d_rows
    pool2d_whole pool2d_whole_backward pool_adaptive pool_window_rows resize_rows softmax_strips softmax_turned
    top_k_heap transfer_few transfer_tiled""".split())
FOR_FP64 = {"matmul_f64"}  # not on a card without it
FOR_COPIES = {"unit_copies_fill", "unit_copies_probe"}  # for NVIDIA's matrix unit alone


class Program:
    """One that the library built: its source, options, and kernel name -> sizes of groups, the
    bytes of local memory given to each as the last of them."""

    def __init__(self, folder, name):
        self.name = name
        self.source = os.path.join(folder, name + ".cl")
        with open(os.path.join(folder, name + ".options"), encoding="utf-8") as file:
            self.options = file.read()
        unit = re.search(r"-DMATRIX_UNIT=(\d+)", self.options)
        self.unit = int(unit.group(1)) if unit else 0  # cl/unit.cl; 0: for none
        self.kernels = {}
        self.of_shapes = False  # launched by vendor_shapes


def clean_environment(**added):
    """Without what others have set for the library and for Check."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLEAT_", "CK_"))}
    return dict(kept, **added)


def record(build, folder, vendor, short, shapes):
    """Runs programs on an OpenCL that writes down what they build. Returns what went wrong, and the
    programs that were launched, in that order: first those of vendor_shapes, the defaults for large
    shapes, then the test programs' by their names."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    tests = os.path.join(build, "tests")
    names = [SHAPES]
    if not (short or shapes):
        names += sorted(p for p in os.listdir(tests)
                        if re.fullmatch(r"test_\w+", p) and not WITHOUT.search(p)
                        and os.access(os.path.join(tests, p), os.X_OK)
                        and not os.path.isdir(os.path.join(tests, p)))

    device = vendor.name.lower()

    def one(name, unit=None):
        recorded = name if unit is None else "%s_unit_%d" % (name, unit)
        environment = clean_environment(
            CLEAT_OPENCL_LIBRARY=os.path.join(tests, "vendor_recorder.so"), CLEAT_RECORD_NAME=recorded,
            CLEAT_RECORD_DIR=folder, CLEAT_RECORD_DEVICE=device,
            CLEAT_RECORD_CLANG=compilers.find_clang()[0], CLEAT_TEST_EFFORT="short",
            CLEAT_TEST_BLIND="1", CLEAT_VERIFY="off", CLEAT_TUNING_FILE="none",
            CLEAT_CACHE_DIR=os.path.join(folder, "cache_%s" % unit))
        command = [os.path.join(tests, name), *(["--short"] if short else [])]
        if unit is not None:
            environment["CLEAT_RECORD_UNIT"] = str(unit)
            command.append("--units")
        path = os.path.join(folder, recorded + ".log")
        with open(path, "wb") as log:
            try:
                status = subprocess.run(command, stdout=log, stderr=log, env=environment,
                                        timeout=LONGEST).returncode
            except subprocess.TimeoutExpired:
                return "%s: did not end in %d seconds, see %s" % (name, LONGEST, path)
        # A test of values that nothing has computed may fail, but nothing may crash.
        if status < 0 or (status > 0 and name == SHAPES):
            return "%s: exit status %d, see %s" % (name, status, path)
        return None
    first = one(SHAPES)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        ended = [first, *pool.map(one, names[1:]),
                 *pool.map(lambda unit: one(SHAPES, unit), vendor.units)]
    names[1:1] = ["%s_unit_%d" % (SHAPES, unit) for unit in vendor.units]
    return [failure for failure in ended if failure], launched(folder, names)


def launched(folder, names):
    programs = {}
    for name in names:
        path = os.path.join(folder, name + ".launches")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            for line in file:
                program, kernel, *size = line.split()
                # Kernels for processors are tested on any device; nobody runs them on a card.
                if "_cpu" not in kernel:
                    if program not in programs:
                        programs[program] = Program(folder, program)
                    programs[program].kernels.setdefault(kernel, set()).add(
                        tuple(int(n) for n in size))
                    programs[program].of_shapes |= name.startswith(SHAPES)
    return list(programs.values())


def kernels_of_library():
    """Names of kernels in cl/."""
    names = set()
    for path in glob.glob(os.path.join(KERNELS, "*.cl")):
        with open(path, encoding="utf-8") as file:
            names.update(re.findall(r"^(?:__)?kernel\s+(?:__attribute__\s*\(\(.*?\)\)\)?\s+)?"
                                    r"(?:[A-Z_]+\s+)?void\s+(\w+)", file.read(), re.M))
    return {name for name in names if "_cpu" not in name}


def compare_kernels(vendor, programs):
    """What is wrong with the kernels that were launched: the library's are wanted, each of them."""
    wanted = kernels_of_library() - FOR_PROCESSORS
    if not vendor.has_fp64:
        wanted -= FOR_FP64
    if 1 not in vendor.units:
        wanted -= FOR_COPIES
    seen = {kernel for program in programs for kernel in program.kernels}
    return (["%s: %s was not launched: tests/vendors/shapes.c wants a call, or FOR_PROCESSORS of "
             "vendors.py the name" % (vendor.name, kernel) for kernel in sorted(wanted - seen)]
            + ["%s: %s was launched, but cl/ has no such kernel, or it is thought to be for "
               "processors alone" % (vendor.name, kernel) for kernel in sorted(seen - wanted)])


def thin_out(programs):
    """The first program of each kernel, and of each for each matrix unit."""
    seen, kept = set(), []
    for program in programs:
        found = {(kernel, program.unit) for kernel in program.kernels}
        if not found <= seen:
            seen |= found
            kept.append(program)
    return kept


def compile_program(vendor, program, targets, kept):
    """Rows (vendor, target, program, kernel, figures), and texts of what failed."""
    # A program for a matrix unit: where there is one, also if nothing else is compiled for that.
    fitting = [target for target in vendor.targets if vendor.takes(program, target)]
    targets = [target for target in targets if target in fitting] or fitting[:1]
    told = {target: kept.find(program, target) for target in targets}
    missing = [target for target in targets if told[target] is None]
    failures = ask_compiler(vendor, program, missing, told) if missing else []
    rows = []
    for target in targets:
        if told[target] is None:
            continue
        if target in missing:
            kept.keep(program, target, told[target])
        for kernel in program.kernels:
            if kernel not in told[target]:
                failures.append("%s: %s: nothing is told of kernel %s"
                                % (target, program.name, kernel))
                continue
            rows.append((vendor.name, target, program, kernel, told[target][kernel]))
            failures += what_is_missing(target, program, kernel, told[target][kernel])
    return rows, failures


def ask_compiler(vendor, program, targets, told):
    """Puts figures into told[target], where the program compiles; texts of what failed."""
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            prepared = vendor.prepare(program, folder, targets)
        except (compilers.Failure, subprocess.TimeoutExpired) as failure:
            return [what_was_wrong(vendor.name, program, failure)]
        for target in targets:
            try:
                told[target] = vendor.compile(program, target, folder, prepared)
            except (compilers.Failure, subprocess.TimeoutExpired) as failure:
                failures.append(what_was_wrong(target, program, failure))
    return failures


def what_is_missing(target, program, kernel, figures):
    found = []
    if figures["spills"] is None:
        found.append("%s: %s: nothing is told of spills of %s" % (target, program.name, kernel))
    if figures["occupancy"] is None:
        found.append("%s: %s: nothing is told of what waves of %s take"
                     % (target, program.name, kernel))
    if figures["occupancy"] == 0:
        found.append("%s: %s: a group of %s does not fit: %d work-items with %d registers, %d "
                     "bytes of local memory" % (target, program.name, kernel,
                                                compilers.group_size(program, kernel),
                                                figures["registers"], figures["local"]))
    return found


def what_was_wrong(vendor, program, failure):
    return "%s: %s (%s): %s" % (vendor, program.name, " ".join(program.kernels), failure)


def compile_all(vendor, programs, targets, kept, at_once):
    rows, failures, start = [], [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        done = pool.map(lambda program: compile_program(vendor, program, targets, kept), programs)
        for count, (some, bad) in enumerate(done, 1):
            rows += some
            failures += bad
            if count % 100 == 0:
                print("  %d programs, %d seconds" % (count, time.monotonic() - start), flush=True)
    return rows, failures


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("tools")
    parser.add_argument("out")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--shapes", action="store_true")
    parser.add_argument("--vendor", choices=["NVIDIA", "AMD", "Intel"])
    arguments = parser.parse_args()
    for folder in ("build", "tools", "out"):
        setattr(arguments, folder, os.path.abspath(getattr(arguments, folder)))
    return arguments


def is_linked(build):
    """Whether the library has its OpenCL linked, so that no other can be put in its place."""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as file:
        return re.search(r"^CLEAT_LINK_OPENCL:\w+=(ON|1|TRUE|YES)$", file.read(), re.M | re.I)


def whose_turn(programs):
    """Those of the programs whose turn it is, where commits take turns (docs/testing.md)."""
    share = int(os.environ.get("CLEAT_TEST_SHARE") or 1)
    turn = int(os.environ.get("CLEAT_TEST_TURN") or 0)
    return [p for place, p in enumerate(programs) if (place + turn) % share == 0] or programs


def cover(vendor, arguments, result):
    """Everything about one maker's cards."""
    folder = os.path.join(arguments.out, vendor.name)
    if arguments.short:
        vendor.counted = None
    failures, programs = record(arguments.build, folder, vendor, arguments.short, arguments.shapes)
    failures += compare_kernels(vendor, programs)
    targets = [vendor.one_target] if arguments.short else vendor.targets
    chosen = whose_turn(thin_out(programs)) if arguments.short else programs
    kept = results.Results(
        None if arguments.short else os.path.join(arguments.out, vendor.name + ".results"), vendor)
    print("%s: %d of %d programs (%d of vendor_shapes) for %s"
          % (vendor.name, len(chosen), len(programs), sum(p.of_shapes for p in chosen),
             ", ".join(targets)), flush=True)
    rows, bad = compile_all(vendor, chosen, targets, kept, 1 if arguments.short else os.cpu_count())
    if kept.found:
        print("  %d programs and targets as they were told before" % kept.found)
    if not rows:
        bad.append("%s: no program was compiled" % vendor.name)
    result.add(vendor, targets, rows, failures + bad)


def commit():
    """The last one that changed kernels or the library, as git tells it."""
    def git(*words):
        command = ["git", "-C", os.path.dirname(KERNELS), *words, "--", "cl", "src"]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=True).stdout.decode().strip()
    try:
        return git("log", "-1", "--format=%h") + ("-dirty" if git("status", "--short") else "")
    except (OSError, subprocess.CalledProcessError):
        return "no commit"


def main():
    arguments = parse_arguments()
    if is_linked(arguments.build):
        print("skipped: this build has its OpenCL linked (CLEAT_LINK_OPENCL), nothing is recorded")
        return 77
    result = report.Report()
    for make in (compilers.Nvidia, compilers.Amd, compilers.Intel):
        vendor = make(arguments.tools)
        if arguments.vendor not in (None, vendor.name) or (arguments.short and not vendor.quick):
            continue
        if vendor.missing:
            print("%s: not compiled for: %s" % (vendor.name, vendor.missing))
            continue
        cover(vendor, arguments, result)
    if not result.targets:
        print("skipped: no vendor's compiler is installed")
        return 77
    table = result.write(arguments.out, commit())
    if not arguments.short:
        with open(table, encoding="utf-8") as file:
            print(file.read())
        print("The table is %s" % table)
    return result.tell()


if __name__ == "__main__":
    sys.exit(main())
