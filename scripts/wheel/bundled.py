"""The libraries of others that a wheel carries, as Debian's records have them: package, version, licence and its text."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import pathlib
import re
import subprocess

DOCS = pathlib.Path("/usr/share/doc")
COMMON = pathlib.Path("/usr/share/common-licenses")
#: Libraries that are headers alone: they are compiled into the module and the program.
HEADER_PACKAGES = ("libmsgpack-cxx-dev", "libcli11-dev")

# Debian's short names as SPDX has them.
SPDX = {
    "apache-2.0": "Apache-2.0",
    "boost-1": "BSL-1.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-3-clause or gpl-2": "BSD-3-Clause OR GPL-2.0-only",
    "expat": "MIT",
    "expat with embedded exception": "MIT",
    "isc": "ISC",
    "postgresql": "PostgreSQL",
    "public-domain": "public-domain",
}
# Packages whose copyright file is prose.
IN_PROSE = {"libgomp1": "GPL-3.0-or-later WITH GCC-exception-3.1"}


@dataclasses.dataclass(frozen=True)
class Part:
    """One library. `file`: its path in the wheel; "": compiled into others. `texts`: its licences, by file name."""

    name: str
    version: str
    purl: str
    licence: str
    file: str = ""
    sha256: str = ""
    note: str = ""
    texts: dict[str, str] = dataclasses.field(default_factory=dict)


def libraries(folder: pathlib.Path, changed: pathlib.Path, own_version: str) -> list[Part]:
    """The shared libraries in `folder`, which auditwheel has filled. `changed`: the folder of those that are not the system's as they
    were. Raises LookupError for one that nobody knows."""
    return [library(path, changed, own_version) for path in sorted(folder.iterdir())]


def library(path: pathlib.Path, changed: pathlib.Path, own_version: str) -> Part:
    base, beginning, rest = re.fullmatch(r"(.+)-([0-9a-f]{8})(\..+)", path.name).groups()  # type: ignore[union-attr]
    name = base + rest
    file, sha256 = f"{path.parent.name}/{path.name}", digest(path)
    if name.startswith("libterrace_"):
        return Part(name, own_version, "", "Apache-2.0", file, sha256, "a part of terrace: it stands in for a library of libpq's")
    package, place = owner(name)
    note = ""
    if (changed / name).exists():
        place, note = changed / name, "the package's library; scripts/wheel has changed what it asks the loader for"
    if not digest(place).startswith(beginning):
        raise LookupError(f"{path.name} is not a copy of {place}")
    return dataclasses.replace(of_package(package), name=name, file=file, sha256=sha256, note=note)


def headers(boost: pathlib.Path, nanobind: importlib.metadata.Distribution) -> list[Part]:
    """What is compiled in. `boost`: the folder above boost/version.hpp."""
    return [*(of_package(package) for package in HEADER_PACKAGES), boost_of(boost), *nanobind_of(nanobind)]


def nanobind_of(distribution: importlib.metadata.Distribution) -> list[Part]:
    """nanobind, and the hash map that it brings: its licence is in its headers alone."""
    files = {file.name: pathlib.Path(str(file.locate())) for file in distribution.files or []}
    version, growth = distribution.version, files["robin_growth_policy.h"].read_text()
    numbers = re.findall(r"#define TSL_RH_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", growth)
    return [Part("nanobind", version, f"pkg:pypi/nanobind@{version}", "BSD-3-Clause", texts={"nanobind.txt": files["LICENSE"].read_text()}),
            Part("robin-map", ".".join(numbers), f"pkg:github/tessil/robin-map@v{'.'.join(numbers)}", "MIT",
                 texts={"robin-map.txt": growth[:growth.index("*/") + 2] + "\n"})]


def boost_of(include: pathlib.Path) -> Part:
    digits = int(re.search(r"#define BOOST_VERSION (\d+)", (include / "boost/version.hpp").read_text())[1])  # type: ignore[index]
    version = f"{digits // 100000}.{digits // 100 % 1000}.{digits % 100}"
    (copyright,) = include.parent.glob(f"share/doc/libboost{digits // 100000}.{digits // 100 % 1000}-dev/copyright")
    # Boost's own list of who wrote which file has megabytes; the licences come at its end.
    texts = [stanza for stanza in copyright.read_text().split("\n\n") if stanza.lstrip().startswith("License:")]
    return Part("boost", version, f"pkg:generic/boost@{version}", "BSL-1.0", texts={"boost.txt": "\n\n".join(texts) + "\n"})


def owner(name: str) -> tuple[str, pathlib.Path]:
    """The package that has a library of this name, and the library."""
    found = subprocess.run(["dpkg-query", "-S", f"*/{name}"], capture_output=True, text=True)
    for line in found.stdout.splitlines():
        package, place = line.split(": ")
        if pathlib.Path(place).exists():
            return package.split(":")[0], pathlib.Path(place)
    raise LookupError(f"no package has {name}: its licence is not known")


def of_package(package: str) -> Part:
    version, source, architecture = asked(package)
    copyright = (DOCS / package / "copyright").read_text()
    licence = IN_PROSE.get(package) or spdx(package, copyright)
    texts = {f"{package}.txt": copyright}
    for name in sorted(set(re.findall(rf"{COMMON}/([A-Za-z0-9.-]*[A-Za-z0-9])", copyright))):
        texts[f"common/{name}.txt"] = (COMMON / name).read_text()
    return Part(source, version, f"pkg:deb/debian/{package}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}", licence,
                texts=texts)


def asked(package: str) -> tuple[str, str, str]:
    words = "${Version}\t${source:Package}\t${Architecture}\n"
    printed = subprocess.run(["dpkg-query", "-W", "-f", words, package], capture_output=True, text=True, check=True).stdout
    version, source, architecture = printed.splitlines()[0].split("\t")
    return version, source, architecture


def spdx(package: str, copyright: str) -> str:
    """Of the library itself: the stanza of a machine-readable copyright file that is about all files."""
    for stanza in copyright.split("\n\n"):
        if re.search(r"^Files:\s*\*\s*$", stanza, re.M):
            name = re.search(r"^License:\s*(.+)$", stanza, re.M)[1].strip()  # type: ignore[index]
            if name.lower() in SPDX:
                return SPDX[name.lower()]
            raise LookupError(f"{package}: the licence {name!r} has no SPDX name in scripts/wheel/bundled.py")
    raise LookupError(f"{package}: its copyright file names no licence of all files; add it to scripts/wheel/bundled.py")


def digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
