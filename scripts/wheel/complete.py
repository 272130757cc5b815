#!/usr/bin/env python3
"""Adds to a wheel the licences of the libraries that it carries, and a bill of materials. Usage: complete.py WHEEL CHANGED

licenses/third_party/: the licences of the bundled libraries and of the headers that are compiled in. sboms/terrace.cdx.json: the
same as a bill of materials (CycloneDX, PEP 770), in the place of auditwheel's, which knows no licences. CHANGED: the folder of the
libraries that are not the system's as they were (scripts/wheel/make.sh).
"""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import pathlib
import shutil
import sys

from auditwheel.wheeltools import InWheel
from bundled import Part, headers, libraries
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType, Pedigree
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = pathlib.Path(__file__).resolve().parents[2]


def parts_of(content: pathlib.Path, changed: pathlib.Path, version: str) -> list[Part]:
    nanobind = importlib.metadata.distribution("nanobind")
    return libraries(content / "terrace.libs", changed, version) + headers(ROOT / ".deps/usr/include", nanobind)


def component(part: Part) -> Component:
    return Component(
        name=part.name, version=part.version, type=ComponentType.LIBRARY, bom_ref=part.file or part.name,
        purl=PackageURL.from_string(part.purl) if part.purl else None,
        licenses=[LicenseFactory().make_from_string(part.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)] if part.sha256 else [],
        pedigree=Pedigree(notes=part.note) if part.note else None,
        properties=[Property(name="terrace:file", value=part.file)] if part.file else [])


def bill(parts: list[Part], version: str) -> str:
    whole = Component(name="terrace", version=version, type=ComponentType.LIBRARY, bom_ref="terrace",
                      purl=PackageURL("pypi", name="terrace", version=version),
                      licenses=[LicenseFactory().make_from_string("Apache-2.0")])
    bom = Bom(components=[component(part) for part in parts])
    bom.metadata.component = whole
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        bom.metadata.timestamp = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
    bom.register_dependency(whole, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def write_licences(info: pathlib.Path, parts: list[Part]) -> None:
    texts = {name: text for part in parts for name, text in part.texts.items()}
    for name, text in texts.items():
        path = info / "licenses/third_party" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    metadata = info / "METADATA"
    own = "License-File: LICENSE\n"
    listed = "".join(f"License-File: third_party/{name}\n" for name in sorted(texts))
    metadata.write_text(metadata.read_text().replace(own, own + listed, 1))


def complete(wheel: pathlib.Path, changed: pathlib.Path) -> None:
    version = wheel.name.split("-")[1]
    with InWheel(wheel, wheel) as content:
        (info,) = pathlib.Path(content).glob("*.dist-info")
        parts = parts_of(pathlib.Path(content), changed, version)
        write_licences(info, parts)
        shutil.rmtree(info / "sboms", ignore_errors=True)
        (info / "sboms").mkdir()
        (info / "sboms/terrace.cdx.json").write_text(bill(parts, version))


if __name__ == "__main__":
    complete(pathlib.Path(sys.argv[1]).absolute(), pathlib.Path(sys.argv[2]).absolute())
