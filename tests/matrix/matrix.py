# SPDX-License-Identifier: Apache-2.0
"""Runs the suite and `cleat selftest` on every OpenCL found and prints one table.

    matrix.py BUILD TOOLS [--only TEXT] [--short] [--jobs N] [--json FILE] [--markdown FILE]

BUILD is a build with tests and the command, TOOLS where ci/matrix puts implementations that come as
Python packages. --only: the implementation of that name, else those whose name has TEXT in it. Rows that
--json FILE holds already and that are not run now stay, so that a table can be made in parts. Exit status 1
when anything in it failed."""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

import implementations

LIMIT = 900  # seconds a program may take; twice that on a simulator
SUMMARY = re.compile(r"^(\d+)%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)


class Result:
    """What one program did on one implementation: passed, failed or skipped, and why."""

    def __init__(self, name, state, reason, checks, seconds):
        self.name = name
        self.state = state
        self.reason = reason
        self.checks = checks
        self.seconds = seconds


def programs_of(build):
    """The programs of the suite, as ctest knows them."""
    told = subprocess.run(["ctest", "--show-only=json-v1", "-L", "^suite$"], cwd=build,
                          stdout=subprocess.PIPE, check=True).stdout
    return sorted((test["name"], test["command"][0]) for test in json.loads(told)["tests"])


def run(command, environment, limit=LIMIT):
    """Exit status, output and seconds of a process; status 124 where it did not end."""
    started = time.monotonic()
    try:
        done = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=limit, check=False)
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        status, output = 124, late.stdout or b""
    return status, output.decode("utf-8", "replace"), time.monotonic() - started


def findings_of(environment):
    """The lines of the simulator's log, which has to be empty."""
    log = environment.get("OCLGRIND_LOG")
    if log and os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            return [line.strip() for line in file if line.strip()]
    return []


def run_program(implementation, folder, name, command):
    if name in implementation.without:
        return Result(name, "skipped", implementation.without[name], 0, 0)
    if implementation.programs is not None and name not in implementation.programs:
        return Result(name, "skipped", "not of the subset", 0, 0)
    environment = implementation.environment(os.path.join(folder, name) if implementation.log else folder)
    environment.update((implementation.programs or {}).get(name, {}))
    status, output, seconds = run([command], environment, 2 * LIMIT if implementation.log else LIMIT)
    with open(os.path.join(folder, name + ".log"), "w", encoding="utf-8") as file:
        file.write(output)
    summary = SUMMARY.search(output)
    checks = int(summary.group(2)) if summary else 0
    found = findings_of(environment)
    if status == 77:
        return Result(name, "skipped", output.strip().splitlines()[-1][:120], 0, seconds)
    if status != 0 or not summary or found:
        lines = found or [line for line in output.splitlines() if re.search(r":[FE]:", line)]
        reason = lines[0] if lines else "exit status %d" % status
        return Result(name, "failed", reason[:300], checks, seconds)
    return Result(name, "passed", "", checks, seconds)


def describe(build, environment):
    """Version, device and compute units of the implementation, as the command tells them."""
    status, output, _ = run([os.path.join(build, "cleat"), "devices", "--json"], environment)
    if status != 0:
        return None, output.strip().splitlines()[-1:] or ["exit status %d" % status]
    device = next(d for d in json.loads(output)["devices"] if d["chosen"])
    return device, []


def selftest(implementation, build, folder):
    if implementation.selftest_without is None:
        return {"said": "left out", "failed": [], "seconds": 0, "passed": True}
    environment = implementation.environment(folder)
    status, output, seconds = run([os.path.join(build, "cleat"), "selftest"], environment)
    with open(os.path.join(folder, "selftest.log"), "w", encoding="utf-8") as file:
        file.write(output)
    good = re.search(r"(\d+) of (\d+) checks are good", output)
    said = good.group(0).replace(" checks are good", "") if good else "exit status %d" % status
    bad = sorted(set(re.findall(r"^(\S.*?)\s{2,}.*FAILED", output, re.M)))
    allowed = set(implementation.selftest_without)
    return {"said": said, "failed": [b for b in bad if b not in allowed], "seconds": seconds,
            "passed": good is not None and not [b for b in bad if b not in allowed]}


def commit():
    """Of the tree that is tested; "" where git knows none."""
    told = subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "rev-parse", "--short", "HEAD"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return told.stdout.decode().strip()


def run_on(implementation, build, folder, programs, jobs):
    """The row of one implementation."""
    row = {"implementation": implementation.name}
    if not implementation.driver:
        return {**row, "absent": "not installed"}
    device, why = describe(build, implementation.environment(folder))
    if device is None:
        return {**row, "absent": "shows no device: %s" % why[0]}
    if implementation.broken:
        return {**row, "absent": "%s: %s" % (device["driver"], implementation.broken)}
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda p: run_program(implementation, folder, *p), programs))
    row["commit"] = commit()
    row["version"] = device["driver"]
    row["device"] = device["name"]
    row["compute_units"] = device["compute_units"]
    row["effort"] = implementation.effort or "normal"
    row["selftest"] = selftest(implementation, build, folder)
    row["seconds"] = time.monotonic() - started
    row["programs"] = [vars(r) for r in results]
    for state in ("passed", "failed", "skipped"):
        row[state] = sum(r.state == state for r in results)
    row["checks"] = sum(r.checks for r in results)
    return row


def is_bad(row):
    return "absent" not in row and (row["failed"] > 0 or row["passed"] == 0 or not row["selftest"]["passed"])


def line_of(row):
    if "absent" in row:
        return [row["implementation"], "", row["absent"], "", "", "", "", "", "", ""]
    return [row["implementation"], row["version"], "%s, %d" % (row["device"], row["compute_units"]),
            row["effort"], str(row["passed"]), str(row["failed"]), str(row["skipped"]),
            row["selftest"]["said"], "%.0f" % row["seconds"], row["commit"]]


def chosen(found, only):
    """Those that --only asks for, numbered as they stand."""
    numbered = list(enumerate(found))
    return [n for n in numbered if n[1].name == only] or [n for n in numbered if only in n[1].name]


def merged(found, rows, path):
    """The rows, and those of the file for what was not run, in the order in which they are found."""
    kept = []
    if path and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)["rows"]
    by_name = {row["implementation"]: row for row in kept + rows}
    return [by_name[i.name] for i in found if i.name in by_name]


HEAD = ["OpenCL", "version", "device, compute units", "effort", "passed", "failed", "skipped", "selftest",
        "seconds", "commit"]


def text_of(rows, markdown):
    lines = [HEAD] + [line_of(row) for row in rows]
    if markdown:
        made = ["| " + " | ".join(line) + " |" for line in lines]
        return "\n".join([made[0], "|" + "---|" * len(HEAD)] + made[1:]) + "\n"
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in lines) + "\n"


def tell(row):
    """What failed, and what was left out for a reason of its own."""
    if "absent" in row:
        print("%s: %s" % (row["implementation"], row["absent"]), flush=True)
        return
    print("%s: %d passed, %d failed, %d skipped, %.0f s" % (
        row["implementation"], row["passed"], row["failed"], row["skipped"], row["seconds"]), flush=True)
    for result in row["programs"]:
        if result["state"] == "failed" or (result["state"] == "skipped" and
                                           result["reason"] != "not of the subset"):
            print("    %s %s: %s" % (result["state"], result["name"], result["reason"]), flush=True)
    if not row["selftest"]["passed"]:
        print("    selftest: %s %s" % (row["selftest"]["said"], ", ".join(row["selftest"]["failed"])), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("tools")
    parser.add_argument("--only", default="")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--json")
    parser.add_argument("--markdown")
    options = parser.parse_args()
    programs = programs_of(options.build)
    rows = []
    found = implementations.all_of(options.tools)
    for number, implementation in chosen(found, options.only):
        if options.short and not implementation.effort:
            implementation.effort = "short"
        folder = os.path.join(options.build, "run", str(number))
        os.makedirs(folder, exist_ok=True)
        rows.append(run_on(implementation, options.build, folder, programs, options.jobs))
        tell(rows[-1])
    rows = merged(found, rows, options.json)
    print()
    print(text_of(rows, False))
    for path, text in ((options.json, json.dumps({"rows": rows}, indent=1) + "\n"),
                       (options.markdown, text_of(rows, True))):
        if path:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    return 1 if any(is_bad(row) for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
