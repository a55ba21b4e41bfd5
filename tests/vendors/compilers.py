# SPDX-License-Identifier: Apache-2.0
"""The vendors' targets: how a program is compiled for each, and what the compiler tells of it.

Each class finds its tools, says why it has none, and compile(program, target) gives a dictionary
of kernel name -> figures: registers, spills (bytes, or registers on AMD), local and stack (bytes),
occupancy (percent of the threads that a multiprocessor holds; 0: a group does not fit), fma,
matrix, loads, wide (loads of 16 bytes). A figure that a compiler does not tell is None.

prepare(program, folder, targets) does what several targets have in common, and compile() is given
what it returns. units are the matrix units of the maker's cards, numbers of cl/unit.cl, and
takes(program, target) tells whether a target has the one that the program is for. one_target is
what the short form compiles for; group_local the bytes of local memory that the maker's OpenCL
gives a group, at most; library a file of builtins that is linked, or None."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import tempfile

LIBCLC = "/usr/lib/clc"
CLANGS = [19, 18, 17, 16, 15]


class Failure(Exception):
    pass


def run(command, where=None, environment=None):
    """stdout and stderr together; Failure with them where it does not end well."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=where,
                          env=environment, timeout=300)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        raise Failure("%s: exit status %d\n%s" % (" ".join(command), done.returncode, text))
    return text


def find_clang():
    """The newest clang that has libclc's builtins beside it, or None; and its major version."""
    for version in CLANGS:
        path = shutil.which("clang-%d" % version)
        if path and glob.glob("/usr/lib/llvm-%d/lib/clang/*/include/opencl-c.h" % version):
            return path, version
    return None, None


def find_tool(name, folders):
    for folder in folders:
        found = sorted(glob.glob(os.path.join(folder, "**", name), recursive=True))
        if found and os.access(found[0], os.X_OK):
            return found[0]
    return shutil.which(name) or next(
        (p for p in ["/usr/local/cuda/bin/" + name] if os.access(p, os.X_OK)), None)


def group_size(program, kernel):
    """Work-items of the largest group that the library launched it with."""
    sizes = [x * y * z for x, y, z, _ in program.kernels.get(kernel, []) if x * y * z > 0]
    return max(sizes) if sizes else 64


def given_local(program, kernel):
    """Bytes of local memory that it was given as arguments, at most."""
    return max((size[3] for size in program.kernels.get(kernel, [])), default=0)


class Nvidia:
    name = "NVIDIA"
    units = [1]
    quick = has_fp64 = True
    one_target = "sm_80"
    group_local = 48 << 10
    # The target whose instructions are counted, if any, of programs of shapes.c: disassembling takes
    # as long as the rest.
    counted = "sm_80"
    # target: registers and threads of a multiprocessor, groups, bytes of shared memory, and those
    # of each group that the driver keeps (CUDA C++ Programming Guide, "Compute Capabilities").
    limits = {
        "sm_75": (65536, 1024, 16, 64 << 10, 0),
        "sm_80": (65536, 2048, 32, 164 << 10, 1024),
        "sm_86": (65536, 1536, 16, 100 << 10, 1024),
        "sm_90": (65536, 2048, 32, 228 << 10, 1024),
    }

    def __init__(self, tools):
        self.clang, version = find_clang()
        self.library = next((p for p in [LIBCLC + "/nvptx64--nvidiacl.bc"] if os.path.exists(p)),
                            None)
        self.ptxas = find_tool("ptxas", [tools])
        self.disassembler = find_tool("nvdisasm", [tools])
        self.missing = ("no clang of 15 or later with opencl-c.h" if not self.clang else
                        "no libclc (nvptx64--nvidiacl.bc)" if not self.library else
                        "no ptxas" if not self.ptxas else None)
        self.targets = list(self.limits)

    def versions(self):
        told = [run([self.clang, "--version"]).splitlines()[0]]
        told.append("ptxas " + re.search(r"V[\d.]+", run([self.ptxas, "--version"])).group())
        if self.disassembler:
            text = run([self.disassembler, "--version"])
            told.append("nvdisasm " + re.search(r"V[\d.]+", text).group())
        return told

    @staticmethod
    def takes(program, target):
        return program.unit == 0 or target != "sm_75"

    def prepare(self, program, folder, targets):
        """PTX for the oldest of the targets; ptxas makes code of it for each."""
        del targets
        oldest = "sm_75" if program.unit == 0 else "sm_80"
        ptx = os.path.join(folder, "program.ptx")
        run([self.clang, *shlex.split(program.options), "-x", "cl", "-O3", "-target",
             "nvptx64-nvidia-nvcl", "-Xclang", "-target-cpu", "-Xclang", oldest, "-Xclang",
             "-target-feature", "-Xclang", "+ptx70", "-Xclang", "-mlink-builtin-bitcode", "-Xclang",
             self.library, "-S", "-o", ptx, program.source])
        return ptx

    def compile(self, program, target, folder, ptx):
        binary = os.path.join(folder, target + ".cubin")
        told = run([self.ptxas, "-v", "-arch=" + target, "-o", binary, ptx])
        figures = self.read_sizes(program, target, told)
        if self.disassembler and target == self.counted and program.of_shapes:
            self.count(figures, run([self.disassembler, "-c", "-ndf", binary]))
        return figures

    def read_sizes(self, program, target, told):
        figures, kernel, function, stacks, spilled = {}, None, None, {}, {}
        for line in told.splitlines():
            entry = re.search(r"Compiling entry function '(\w+)'", line)
            kernel = entry.group(1) if entry else kernel
            properties = re.search(r"Function properties for (\w+)", line)
            function = properties.group(1) if properties else function
            spills = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+)", line)
            if spills:
                stacks[function] = int(spills.group(1))
                spilled[function] = int(spills.group(2)) + int(spills.group(3))
            used = re.search(r"Used (\d+) registers", line)
            if used:
                local = re.search(r"(\d+) bytes smem", line)
                registers, local = int(used.group(1)), int(local.group(1)) if local else 0
                local += given_local(program, kernel)
                size = group_size(program, kernel)
                figures[kernel] = {"registers": registers, "local": local, "fma": None,
                                   "matrix": None, "loads": None, "wide": None,
                                   "occupancy": self.occupancy(target, size, registers, local)}
        called = sum(spilled[name] for name in spilled if name not in figures)
        for kernel, counts in figures.items():
            counts["stack"] = stacks.get(kernel)
            counts["spills"] = spilled[kernel] + called if kernel in spilled else None
        return figures

    def occupancy(self, target, size, registers, local):
        total, threads, groups, shared, kept = self.limits[target]
        if local > self.group_local:
            return 0
        warps = -(-size // 32)
        of_warp = -(-registers * 32 // 256) * 256  # registers are given out by 256
        fits = min(groups, threads // 32 // warps, total // of_warp // warps)
        if local > 0:
            fits = min(fits, shared // (local + kept))
        return 100 * fits * warps * 32 // threads

    @staticmethod
    def count(figures, assembly):
        kernel = None
        for line in assembly.splitlines():
            section = re.match(r"\s*\.section\s+\.text\.(\w+)", line)
            kernel = section.group(1) if section else kernel
            counts = figures.get(kernel)
            code = re.match(r"\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)", line)
            if counts is None or not code:
                continue
            add(counts, "fma", code.group(1).startswith(("FFMA", "DFMA")))
            add(counts, "matrix", code.group(1).startswith(("HMMA", "IMMA", "DMMA")))
            add(counts, "loads", code.group(1).startswith("LDG"))
            add(counts, "wide", code.group(1).startswith("LDG") and ".128" in code.group(1))


def add(counts, name, found):
    counts[name] = (counts[name] or 0) + int(found)


class Amd:
    name = "AMD"
    units = [2, 3]
    quick = has_fp64 = True
    one_target = "gfx1030"
    group_local = 64 << 10
    # target: waves of a SIMD at most, lanes, and the local memory that four SIMDs share: a compute
    # unit's, from RDNA on a work-group processor's, which is two of them (AMD, "Introducing RDNA
    # Architecture", 2019; clang compiles for that unless told -mcumode).
    limits = {"gfx90a": (8, 64, 64 << 10), "gfx942": (8, 64, 64 << 10),
              "gfx1030": (16, 32, 128 << 10), "gfx1100": (16, 32, 128 << 10)}
    simds = 4
    triple = "amdgcn-amd-amdhsa"

    def __init__(self, tools):
        del tools
        self.clang, version = find_clang()
        self.library = next((p for p in [LIBCLC + "/amdgcn--amdhsa.bc"] if os.path.exists(p)), None)
        self.missing = ("no clang of 15 or later with opencl-c.h" if not self.clang else
                        "no libclc (amdgcn--amdhsa.bc)" if not self.library else None)
        self.version = version or 0
        self.targets = [t for t in self.limits if t != "gfx942" or self.version >= 17]

    def versions(self):
        return [run([self.clang, "--version"]).splitlines()[0]]

    def takes(self, program, target):
        """Before 17 clang gives kernels with WMMA 128 registers, and spills."""
        return {2: target in ("gfx90a", "gfx942"),
                3: target == "gfx1100" and self.version >= 17}.get(program.unit, True)

    def front_end(self, program, *added):
        return [self.clang, *shlex.split(program.options), "-x", "cl", "-O3", "-nogpulib",
                "-target", self.triple, "-Xclang", "-mlink-builtin-bitcode", "-Xclang",
                self.library, *added, program.source]

    def prepare(self, program, folder, targets):
        """Bitcode that no pass has seen yet, for several targets: nothing in cl/ asks which it is
        compiled for, but programs for a matrix unit, for which this is None."""
        if program.unit or len(targets) == 1:
            return None
        bitcode = os.path.join(folder, "program.bc")
        run(self.front_end(program, "-Xclang", "-disable-llvm-passes", "-emit-llvm", "-c", "-o",
                           bitcode))
        return bitcode

    def compile(self, program, target, folder, bitcode):
        out = os.path.join(folder, target + ".s")
        if bitcode:
            run([self.clang, "-x", "ir", "-O3", "-nogpulib", "-target", self.triple,
                 "-mcpu=" + target, "-S", "-o", out, bitcode])
        else:
            run(self.front_end(program, "-mcpu=" + target, "-S", "-o", out))
        with open(out, encoding="utf-8") as file:
            assembly = file.read()
        figures = self.read_metadata(program, assembly)
        self.count(program, target, figures, assembly)
        return figures

    @staticmethod
    def read_metadata(program, assembly):
        figures = {}
        for part in assembly.split("  - .a")[1:]:
            def number(name, part=part):
                found = re.search(r"\.%s:\s+(\d+)" % name, part)
                return int(found.group(1)) if found else None
            kernel = re.search(r"\.symbol:\s+'?(\w+)\.kd", part)
            if kernel:
                figures[kernel.group(1)] = {
                    "registers": number("vgpr_count"),
                    "spills": number("vgpr_spill_count"),
                    "local": (number("group_segment_fixed_size") or 0)
                    + given_local(program, kernel.group(1)),
                    "stack": number("private_segment_fixed_size"), "occupancy": None, "fma": 0,
                    "matrix": 0, "loads": 0, "wide": 0}
        return figures

    def count(self, program, target, figures, assembly):
        kernel = None
        for line in assembly.splitlines():
            label = re.match(r"(\w+):", line)
            kernel = label.group(1) if label and label.group(1) in figures else kernel
            counts = figures.get(kernel)
            if counts is None:
                continue
            waves = re.match(r"; Occupancy: (\d+)", line)
            if waves:
                counts["occupancy"] = self.occupancy(program, kernel, target, int(waves.group(1)),
                                                     counts["local"])
            code = line.strip().split(" ")[0].split("\t")[0]
            counts["fma"] += code.startswith(("v_fma", "v_fmac", "v_mac_f", "v_pk_fma", "v_mad_f",
                                              "v_dual_fma"))
            counts["matrix"] += code.startswith(("v_mfma", "v_wmma"))
            loads = code.startswith(("global_load", "flat_load", "buffer_load"))
            counts["loads"] += loads
            counts["wide"] += loads and code.endswith(("x4", "b128"))

    def occupancy(self, program, kernel, target, waves, local):
        most, lanes, shared = self.limits[target]
        if local > self.group_local:
            return 0
        of_group = -(-group_size(program, kernel) // lanes)
        groups = min(waves, most) * self.simds // of_group
        if local > 0:
            groups = min(groups, shared // local)
        return 100 * groups * of_group // (most * self.simds)


class Intel:
    name = "Intel"
    units = [4, 5]
    quick = has_fp64 = False
    library = None
    group_local = 64 << 10
    # target: ocloc's name of it and threads of a subslice, which shares 128 KiB of local memory.
    limits = {"tgllp": ("tgllp", 112), "dg2": ("acm-g10", 128)}
    shared = 128 << 10

    def __init__(self, tools):
        folder = os.path.join(tools, "intel")
        self.ocloc = find_tool("ocloc", [folder])
        self.missing = ("no ocloc" if not self.ocloc else
                        None if find_clang()[0] else "no clang to tell programs apart")
        self.targets = list(self.limits)
        self.environment = dict(os.environ)
        if self.ocloc and self.ocloc.startswith(folder):
            libraries = glob.glob(os.path.join(folder, "usr/lib/*-linux-gnu"))
            self.environment["LD_LIBRARY_PATH"] = ":".join(libraries)

    def versions(self):
        compiler = glob.glob(os.path.join(os.path.dirname(self.ocloc), "../lib/*/libigc.so.*.*"))
        return ["ocloc with " + os.path.basename(max(compiler, key=len))] if compiler else ["ocloc"]

    @staticmethod
    def takes(program, target):
        return {4: target == "dg2", 5: target == "pvc"}.get(program.unit, True)

    def prepare(self, program, folder, targets):
        """SPIR-V, which is the same for all targets, but of programs for a matrix unit."""
        if program.unit or len(targets) == 1:
            return None
        self.run(folder, "program", "-file", program.source, "-device",
                 self.limits[targets[0]][0], "-options", program.options, "-spv_only")
        return os.path.join(folder, "program.spv")

    def run(self, folder, name, *words, **added):
        # In the format whose notes are text.
        run([self.ocloc, "compile", "-q", *words, "-internal_options", "-cl-intel-allow-zebin",
             "-out_dir", folder, "-output_no_suffix", "-output", name],
            environment=dict(self.environment, **added))

    def compile(self, program, target, folder, spirv):
        dump = os.path.join(folder, target)
        os.makedirs(dump)
        options = program.options
        if program.unit:  # drivers define these; ocloc declares the functions where they are defined
            options += "".join(" -Dcl_intel_subgroup_matrix_multiply_accumulate%s=1" % kind
                               for kind in ("", "_tf32"))
        source = ["-spirv_input", "-file", spirv] if spirv else ["-file", program.source]
        self.run(folder, target + ".bin", *source, "-device", self.limits[target][0], "-options",
                 options, IGC_ShaderDumpEnable="1", IGC_DumpToCustomDir=dump)
        with open(os.path.join(folder, target + ".bin"), "rb") as file:
            notes = file.read().decode("latin-1")
        figures, lanes = self.read_notes(program, target, notes)
        for kernel, (_, path) in self.kept(dump, lanes).items():
            with open(path, encoding="latin-1") as file:
                self.count(figures[kernel], file.read())
        return figures

    @staticmethod
    def kept(dump, lanes):
        """kernel -> (attempt, path) of the dump of the code that was kept: of its width, and of the
        last attempt, as IGC tries again where registers were spilled."""
        found = {}
        for path in glob.glob(os.path.join(dump, "*.asm")):
            attempt = re.search(r"_(?:(\d+)_)?simd(\d+)_", os.path.basename(path))
            with open(path, encoding="latin-1") as file:
                kernel = re.match(r"//\.kernel (\w+)", file.readline())
            if not attempt or not kernel or lanes.get(kernel.group(1)) != int(attempt.group(2)):
                continue
            this = (int(attempt.group(1) or 0), path)
            found[kernel.group(1)] = max(found.get(kernel.group(1), this), this)
        return found

    def read_notes(self, program, target, notes):
        figures, lanes = {}, {}
        start = notes.find("\nkernels:")
        end = min(i for i in (notes.find("\x00", start), notes.find("\nkernels_misc_info", start),
                              len(notes)) if i >= 0)
        for part in notes[start:end].split("  - name:")[1:]:
            def number(pattern, part=part):
                return sum(int(n) for n in re.findall(pattern, part))
            kernel = part.split()[0]
            lanes[kernel] = number(r"simd_size:\s+(\d+)")
            if lanes[kernel] == 0:
                raise Failure("nothing is told of the lanes of " + kernel)
            local = number(r"slm_size:\s+(\d+)") + given_local(program, kernel)
            figures[kernel] = {
                "registers": number(r"grf_count:\s+(\d+)"), "spills": None, "local": local,
                "stack": self.read_buffers(part, lanes[kernel]),
                "occupancy": self.occupancy(program, kernel, target, lanes[kernel], local),
                "fma": 0, "matrix": 0, "loads": 0, "wide": 0}
        return figures, lanes

    @staticmethod
    def read_buffers(part, lanes):
        """Bytes of a work-item; the notes tell them of a thread, or of each of its lanes."""
        _, _, buffers = part.partition("per_thread_memory_buffers")
        total = 0
        for buffer in buffers.split("- type:")[1:]:
            size = int(re.search(r"\bsize:\s+(\d+)", buffer).group(1))
            total += size if re.search(r"is_simt_thread:\s+true", buffer) else -(-size // lanes)
        return total

    def occupancy(self, program, kernel, target, lanes, local):
        threads = self.limits[target][1]
        if local > self.group_local:
            return 0
        of_group = -(-group_size(program, kernel) // lanes)
        fits = threads // of_group
        if local > 0:
            fits = min(fits, self.shared // local)
        return 100 * fits * of_group // threads

    @staticmethod
    def count(counts, assembly):
        spills = re.search(r"^//\.spill size (\d+)", assembly, re.M)
        counts["spills"] = int(spills.group(1)) if spills else 0
        for code in re.findall(r"^(?:\(.*?\))?\s*([a-z][\w.]*) \(", assembly, re.M):
            counts["fma"] += code.startswith(("mad", "mac"))
            counts["matrix"] += code.startswith("dpas")
            loads = code.startswith(("load.ugm", "send.dc1", "send.dc0"))
            counts["loads"] += loads
            counts["wide"] += loads and "x4" in code
