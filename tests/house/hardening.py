#!/usr/bin/env python3
"""Checks that binaries have the protections of the compiler and the linker: hardening.py FILE…

A program or a shared library (ELF) must be position-independent, with full RELRO and a stack that is not executable; a
static library (.a) is checked for what the compiler does. Prints a line for each protection that is missing, and exits 1.
Needs readelf of binutils.
"""

import pathlib
import platform
import re
import subprocess
import sys


# Functions begin with it if they are compiled so: about one for each KiB of a file, and one for each 16 KiB otherwise.
ENDBR64 = b"\xf3\x0f\x1e\xfa"
BYTES_FOR_A_MARK = 4096


def told(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def findings(path):
    """The protections that the file does not have."""
    archive = pathlib.Path(path).suffix == ".a"
    symbols = told("readelf", "-sW", path)
    if not archive:
        head = told("readelf", "-hlW", path)
        dynamic = told("readelf", "-dW", path)
        if not re.search(r"Type:\s+DYN", head):
            yield "it is not position-independent (-fPIE, -fPIC)"
        if "GNU_RELRO" not in head or not re.search(r"BIND_NOW|Flags:.*NOW", dynamic):
            yield "no full RELRO (-Wl,-z,relro,-z,now)"
        if re.search(r"GNU_STACK.*\bRWE\b", head):
            yield "the stack is executable (-Wl,-z,noexecstack)"
    if "__stack_chk_fail" not in symbols:
        yield "no stack protector (-fstack-protector-strong)"
    if not re.search(r"__\w+_chk\b", symbols.replace("__stack_chk", "")):
        yield "no fortified functions (-D_FORTIFY_SOURCE=3)"
    content = pathlib.Path(path).read_bytes()
    if platform.machine() == "x86_64" and content.count(ENDBR64) <= len(content) // BYTES_FOR_A_MARK:
        yield "no marks of jump targets (-fcf-protection)"


def main(paths):
    bad = [f"{path}: {missing}" for path in paths for missing in findings(path)]
    print("\n".join(bad) or f"{len(paths)} files: all protections are there")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
