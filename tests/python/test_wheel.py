"""The wheel works where nothing else is: an empty environment, no library of the system but the C library's."""

from __future__ import annotations

import pathlib
import platform
import re
import subprocess
import sys

PROGRAM = """
import sys, terrace
with terrace.Cache("wheel", tiers=["sqlite:" + sys.argv[1]]) as cache:
    cache["k"] = "v"
with terrace.Cache("wheel", tiers=["sqlite:" + sys.argv[1]]) as cache:
    assert cache["k"] == "v"
print(terrace._core.__file__)
"""
# glibc's own, those of the compiler that the manylinux rules count on, and zlib.
FROM_SYSTEM = re.compile(r"^(linux-vdso|libc|libm|libdl|librt|libpthread|libresolv|libgcc_s|libstdc\+\+|libz|ld-linux.*)\.so")


def libraries_outside(binary: pathlib.Path, environment: pathlib.Path) -> list[str]:
    """What it is linked with that is neither in the environment nor of the C library."""
    linked = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=True).stdout
    return [line.strip() for line in linked.splitlines()
            if str(environment) not in line and not FROM_SYSTEM.match(pathlib.Path(line.split()[0]).name)]


def test_it_installs_and_works_in_an_empty_environment(empty_environment: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = subprocess.run([str(empty_environment / "bin/python"), "-c", PROGRAM, str(tmp_path / "cache.db")], cwd=tmp_path,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    module = pathlib.Path(done.stdout.strip())
    assert module.is_relative_to(empty_environment)
    assert libraries_outside(module, empty_environment) == []


def test_it_says_that_it_has_types(empty_environment: pathlib.Path) -> None:
    (package,) = empty_environment.glob("lib/python*/site-packages/terrace")
    assert {"py.typed", "_core.pyi", "__init__.py"} <= {p.name for p in package.iterdir()}


def test_the_module_exports_its_init_function_alone(empty_environment: pathlib.Path) -> None:
    (module,) = empty_environment.glob("lib/python*/site-packages/terrace/_core*.so")
    names = subprocess.run(["nm", "-D", "--defined-only", "-P", str(module)], capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in names.splitlines()] == ["PyInit__core"]


def test_it_runs_on_systems_that_are_older_than_the_one_it_was_built_on(wheel: pathlib.Path) -> None:
    (least,) = re.findall(r"-manylinux_2_(\d+)_x86_64\.whl$", wheel.name)
    here = int(platform.libc_ver()[1].split(".")[1])
    # Debian 12 has glibc 2.36. Later systems' libraries ask for what they have.
    assert int(least) <= (34 if here <= 36 else here)


def test_a22_the_module_and_the_program_have_the_protections_of_the_compiler(empty_environment: pathlib.Path) -> None:
    (package,) = empty_environment.glob("lib/python*/site-packages/terrace")
    (module,) = package.glob("_core*.so")
    check = pathlib.Path(__file__).parent.parent / "house/hardening.py"
    done = subprocess.run([sys.executable, str(check), str(module), str(package / "bin/terrace")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
