# SPDX-License-Identifier: Apache-2.0
"""The tables of ci/vendors: every row in OUT/vendors.tsv, one line a kernel in OUT/vendors.md."""
import os

FIGURES = ["registers", "spills", "local", "stack", "occupancy", "fma", "matrix", "loads", "wide"]


def text(value):
    return "-" if value is None else str(value)


def most(rows, figure):
    """The largest of this figure, None where nobody tells it."""
    return max((r[4][figure] for r in rows if r[4][figure] is not None), default=None)


def least(rows, figure):
    return min((r[4][figure] for r in rows if r[4][figure] is not None), default=None)


class Report:
    def __init__(self):
        self.rows, self.failures, self.targets, self.versions = [], [], [], []

    def add(self, vendor, targets, rows, failures):
        self.rows += rows
        self.failures += failures
        self.targets += targets
        self.versions += [v for v in vendor.versions() if v not in self.versions]

    def spilled(self):
        return [r for r in self.rows if r[4]["spills"]]

    def write(self, folder, commit):
        """Both files; returns the path of the second."""
        with open(os.path.join(folder, "vendors.tsv"), "w", encoding="utf-8") as file:
            file.write("\t".join(["kernel", "target", *FIGURES, "program", "options"]) + "\n")
            for _, target, program, kernel, figures in sorted(
                    self.rows, key=lambda r: (r[3], r[2].name, r[1])):
                file.write("\t".join([kernel, target, *(text(figures[f]) for f in FIGURES),
                                      program.name, program.options]) + "\n")
        table = os.path.join(folder, "vendors.md")
        with open(table, "w", encoding="utf-8") as file:
            file.write("\n".join(self.markdown(commit)) + "\n")
        return table

    def markdown(self, commit):
        lines = ["Kernels of %s. Compilers: %s." % (commit, "; ".join(self.versions)), "",
                 "| kernel | programs | local | stack | fma | matrix | loads | "
                 + " | ".join(self.targets) + " |",
                 "|---" * (7 + len(self.targets)) + "|"]
        for kernel in sorted({r[3] for r in self.rows}):
            of_kernel = [r for r in self.rows if r[3] == kernel]
            lines.append(self.line(kernel, of_kernel))
        return lines

    def line(self, kernel, rows):
        """The busiest program's instructions on the first target that tells them; the worst of all
        programs for each target: registers, occupancy, spills where there are any."""
        richest = max(rows, key=lambda r: r[4]["fma"] or 0)[4]
        cells = [kernel, str(len({r[2].name for r in rows})), text(most(rows, "local")),
                 text(most(rows, "stack")), text(richest["fma"]), text(richest["matrix"]),
                 "%s/%s" % (text(richest["wide"]), text(richest["loads"]))]
        for target in self.targets:
            of_target = [r for r in rows if r[1] == target]
            cell = "-"
            if of_target:
                cell = "%s %s%%" % (text(most(of_target, "registers")),
                                    text(least(of_target, "occupancy")))
                spills = most(of_target, "spills")
                cell += " **%d spilled**" % spills if spills else ""
            cells.append(cell)
        return "| " + " | ".join(cells) + " |"

    def tell(self):
        """Prints what is wrong and the closing line; the exit status."""
        for failure in self.failures:
            print("FAILED " + failure)
        for _, target, program, kernel, figures in self.spilled():
            print("SPILLS %s: %s spills %d, with %d registers: %s"
                  % (target, kernel, figures["spills"], figures["registers"], program.options))
        kernels = {r[3] for r in self.rows}
        print("%d programs were compiled, in which kernels stand %d times" % (
            len({r[2].name for r in self.rows}), len({(r[2].name, r[3]) for r in self.rows})))
        print("%d kernels, %d targets, %d spills, %d failures" % (
            len(kernels), len(self.targets), len(self.spilled()), len(self.failures)))
        return 1 if self.failures or self.spilled() else 0
