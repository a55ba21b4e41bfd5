# SPDX-License-Identifier: Apache-2.0
"""The implementations of OpenCL that the suite is run on, and how each is chosen."""
import glob
import os
import shutil
import tempfile


class Implementation:
    """A driver, with the variables that make it what it is. `programs`: only these, each with variables of
    its own; `without`: name -> reason, not run here; `selftest_without`: checks that may fail, for a known
    reason, or None: no selftest at all; `effort`: CLEAT_TEST_EFFORT; `log`: findings go to a file, which
    must stay empty; `broken`: what keeps the suite from being run at all."""

    def __init__(self, name, driver, variables=None, effort="", programs=None, without=None,
                 selftest_without=(), log=False, broken=""):
        self.name = name
        self.driver = driver
        self.variables = variables or {}
        self.effort = effort
        self.programs = programs
        self.without = without or {}
        self.selftest_without = selftest_without
        self.log = log
        self.broken = broken

    def environment(self, folder):
        """What a process needs to see this driver alone; makes the files of `folder` for it."""
        os.makedirs(folder, exist_ok=True)
        chosen = os.path.join(folder, "only.icd")
        if not os.path.exists(chosen):  # put there at once: others read it meanwhile
            with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
                file.write(self.driver + "\n")
            os.replace(file.name, chosen)
        made = {"OCL_ICD_VENDORS": chosen,
                "CLEAT_CACHE_DIR": os.path.join(folder, "cache"),
                "POCL_CACHE_DIR": os.path.join(folder, "pocl"),
                "CLEAT_VERIFY": "off",  # as on drivers that are tested with: tests count kernels
                "CLEAT_TEST_EFFORT": self.effort}
        os.makedirs(made["POCL_CACHE_DIR"], exist_ok=True)
        made.update(self.variables)
        if self.log:
            made["OCLGRIND_LOG"] = os.path.join(folder, "findings")
        return made


# oclgrind takes minutes for each of the others; these have a kernel of every family.
SIMULATED = dict.fromkeys("""test_activation test_attention test_clip_gradient test_conv2d test_copy test_cumulative
    test_elementwise test_glu test_layout test_loss test_matmul test_normalization test_optimizer
    test_pool test_prelu test_random test_reduce_rows test_rotary test_softmax""".split(), {})

# Where PoCL writes out each work-item of a group by itself, groups are held at the smallest that all kernels
# take. Of products, whose programs go through all variants on any device, those for GPUs run with the least of
# their tiles: 64 work-items of 16 sums took the compiler more than five minutes. Attention's tile for GPUs, which
# has no smaller one, was not compiled after 16 minutes; the activations of selftest would take nine.
REPLICATED = {"POCL_WORK_GROUP_METHOD": "workitemrepl", "POCL_MAX_WORK_GROUP_SIZE": "64"}
REPLICATED_PROGRAMS = dict.fromkeys("""test_arg test_compare test_copy test_cumulative test_dropout test_glu test_layout
    test_optimizer test_pool test_prelu test_random test_reduce test_resize test_rotary test_softmax
    test_unary""".split(), {})
REPLICATED_FOR_GPUS = {
    **REPLICATED_PROGRAMS,
    "test_conv2d": {"CLEAT_TEST_VARIANT": "gpu_gemm,gpu_depthwise,gpu_pointwise"},
    "test_conv2d_winograd": {"CLEAT_TEST_VARIANT": "gpu_winograd"},
    "test_elementwise": {},
    "test_index": {},
    "test_local_response_norm": {},
    "test_loss": {},
    "test_matmul": {"CLEAT_TEST_VARIANT": "gpu_tiled,vector_gpu"},
    "test_normalization": {},
    "test_recurrent": {},
}


def installed(word):
    """The driver that an .icd file of the system names, or nothing."""
    for path in sorted(glob.glob("/etc/OpenCL/vendors/*.icd")):
        with open(path, encoding="utf-8") as file:
            driver = file.readline().strip()
        if word in driver:
            return driver
    return None


def unpacked(tools, package, name):
    """A library of a Python package."""
    found = sorted(glob.glob(os.path.join(tools, package, "**", name), recursive=True, include_hidden=True))
    return found[0] if found else None


def of_oclgrind():
    command = shutil.which("oclgrind")
    return command and os.path.join(os.path.dirname(command), "../lib/oclgrind/liboclgrind-rt-icd.so")


def all_of(tools):
    """Those that are here, and the names of those that are not."""
    pocl, rusticl = installed("libpocl"), installed("RusticlOpenCL")
    intel = unpacked(tools, "intel-opencl-rt", "libintelocl.so")
    older = unpacked(tools, "pocl-binary-distribution", "libpocl*.so*")
    bools = {"test_compare": "oclgrind 21.10 widens vectors of truth values by their sign"}
    rows = [
        Implementation("PoCL", pocl),
        Implementation("PoCL, kernels for GPUs", pocl, {"CLEAT_PROFILE": "gpu"}),
        Implementation("PoCL, work-items replicated", pocl, REPLICATED, "short", REPLICATED_PROGRAMS),
        Implementation("PoCL, kernels for GPUs, work-items replicated", pocl,
                       {"CLEAT_PROFILE": "gpu", "CLEAT_TEST_TILE": "16", **REPLICATED}, "short",
                       REPLICATED_FOR_GPUS, selftest_without=None),
        # All programs, in the short form: the same compiler again.
        Implementation("PoCL, one compute unit", pocl, {"POCL_DEVICES": "basic"}, "short"),
        # PoCL tells the width that this machine has, whatever it compiles for.
        Implementation("PoCL, vectors of 8", pocl,
                       {"CLEAT_PROFILE": "cpu:8", "POCL_LLVM_CPU_NAME": "haswell"}, "short"),
        Implementation("PoCL, vectors of 4", pocl,
                       {"CLEAT_PROFILE": "cpu:4", "POCL_LLVM_CPU_NAME": "nehalem"}, "short"),
        Implementation("PoCL of PyPI", older, effort="short",
                       broken="a release candidate whose compiler crashes (docs/drivers.md)"),
        Implementation("Intel's CPU runtime", intel),
        Implementation("rusticl on llvmpipe", rusticl, {"RUSTICL_ENABLE": "llvmpipe"}, "short"),
        Implementation("oclgrind", of_oclgrind(),
                       {"OCLGRIND_DATA_RACES": "1", "OCLGRIND_CHECK_API": "1"}, "simulator",
                       SIMULATED, bools, ["casts"], log=True),
    ]
    return rows
