#!/usr/bin/env python3
"""Lets the binaries of a wheel run with an older libstdc++. Usage: older_symbols.py LIBRARIES WHEEL

GCC 12 gave std::condition_variable::wait a second version, GLIBCXX_3.4.30, and kept the first, GLIBCXX_3.4.11. The two differ
only for a waiting thread that is cancelled (pthread_cancel), which happens to none here. A binary that GCC 12 links asks for the
second one, and is refused where libstdc++ is GCC 11's, as in the systems that manylinux_2_34 stands for. This makes the wheel's
binaries ask for the first one. Of each library of the system that they load, and that asks as well, it puts a copy that does so
into the folder LIBRARIES.

A binary that needs another symbol of that version is left as it is: the platform tag of the wheel then says what it needs.
"""

from __future__ import annotations

import pathlib
import shutil
import struct
import subprocess
import sys

from auditwheel.wheeltools import InWheel
from elftools.elf.elffile import ELFFile

NEWER, OLDER = b"GLIBCXX_3.4.30", b"GLIBCXX_3.4.11"
SAME_IN_BOTH = {"_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE"}


def elf_hash(name: bytes) -> int:
    """As the loader compares names of versions."""
    value = 0
    for byte in name:
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high
    return value


def place_of_need(path: pathlib.Path) -> int | None:
    """Where in the file its need of NEWER stands (an Elf64_Vernaux); None: there is none, or it is of other symbols as well."""
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        needs, versions, symbols = (elf.get_section_by_name(name) for name in (".gnu.version_r", ".gnu.version", ".dynsym"))
        if needs is None or elf.elfclass != 64:
            return None
        library_at = needs["sh_offset"]
        for library, needed in needs.iter_versions():
            at = library_at + library["vn_aux"]
            for one in needed:
                if one.name.encode() == NEWER:
                    asking = {symbol.name for symbol, version in zip(symbols.iter_symbols(), versions.iter_symbols())
                              if version["ndx"] == one["vna_other"]}
                    return at if asking <= SAME_IN_BOTH else None
                at += one["vna_next"]
            library_at += library["vn_next"]
    return None


def ask_for_older(path: pathlib.Path, at: int) -> None:
    with path.open("rb") as stream:
        strings_at = ELFFile(stream).get_section_by_name(".dynstr")["sh_offset"]
    content = bytearray(path.read_bytes())
    (name,) = struct.unpack_from("<I", content, at + 8)
    # The names are of one length: the older one is written over the newer one.
    content[strings_at + name:strings_at + name + len(NEWER)] = OLDER
    struct.pack_into("<I", content, at, elf_hash(OLDER))
    path.write_bytes(content)


def loaded_by(path: pathlib.Path) -> dict[str, pathlib.Path]:
    """The libraries of the system that it loads, by the names that it asks for."""
    printed = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True).stdout
    parts = [line.split() for line in printed.splitlines()]
    return {words[0]: pathlib.Path(words[2]) for words in parts if len(words) > 2 and words[1] == "=>" and words[2].startswith("/")}


def binaries(folder: pathlib.Path) -> list[pathlib.Path]:
    def is_elf(path: pathlib.Path) -> bool:
        with path.open("rb") as stream:
            return stream.read(4) == b"\x7fELF"

    return [path for path in folder.rglob("*") if path.is_file() and is_elf(path)]


def main(libraries: pathlib.Path, wheel: pathlib.Path) -> None:
    with InWheel(wheel, wheel) as content:
        own = binaries(pathlib.Path(content))
        for name, library in {name: library for path in own for name, library in loaded_by(path).items()}.items():
            if not (libraries / name).exists() and place_of_need(library) is not None:
                shutil.copy(library, libraries / name)
        for path in own + binaries(libraries):
            at = place_of_need(path)
            if at is not None:
                ask_for_older(path, at)


if __name__ == "__main__":
    main(*(pathlib.Path(argument).absolute() for argument in sys.argv[1:]))
