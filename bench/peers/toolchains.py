"""How the peers are built, by language: each is fetched from its registry, in the version that its own build file names."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import subprocess
from collections.abc import Callable

FETCH_AND_BUILD_SECONDS = 600


class Missing(Exception):
    """Why peers cannot be built here."""


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


def sources(root: pathlib.Path, language: str) -> pathlib.Path:
    """A copy under build/, because the tools write beside what they build."""
    return shutil.copytree(root / "bench/peers" / language, root / "build/peers" / language, dirs_exist_ok=True)


def call(command: list[str], folder: pathlib.Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=FETCH_AND_BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        raise Missing(f"{pathlib.Path(command[0]).name} was not done after {FETCH_AND_BUILD_SECONDS} s") from None
    if done.returncode != 0:
        log = folder / "failed.log"
        log.write_text(done.stdout + done.stderr)
        raise Missing(f"{pathlib.Path(command[0]).name} failed; see build/peers/{folder.name}/{log.name}")


def rust(root: pathlib.Path) -> dict[str, list[str]]:
    cargo = tool("cargo")
    folder = sources(root, "rust")
    call([cargo, "build", "--release"], folder)
    return {name: [str(folder / "target/release" / name)] for name in ("quick_cache", "moka")}


def go(root: pathlib.Path) -> dict[str, list[str]]:
    compiler = tool("go")
    folder = sources(root, "go")
    call([compiler, "build", "-o", "otter", "."], folder)
    return {"otter": [str(folder / "otter")]}


def java(root: pathlib.Path) -> dict[str, list[str]]:
    runtime, _, maven = tool("java"), tool("javac"), tool("mvn")
    folder = sources(root, "java")
    call([maven, "--quiet", "--batch-mode", "compile"], folder)
    return {"caffeine": [runtime, "-cp", f"{folder}/target/classes:{folder}/target/dependency/*", "CaffeinePeer"]}


@dataclasses.dataclass
class Toolchain:
    names: list[str]
    build: Callable[[pathlib.Path], dict[str, list[str]]]
    # Turns before those that count. Java's compiler needs them, the others only to fill their caches.
    warm_seconds: float


PEERS = [Toolchain(["quick_cache", "moka"], rust, 0.5), Toolchain(["otter"], go, 0.5), Toolchain(["caffeine"], java, 3)]
