"""What the wheel says about itself."""

from __future__ import annotations

import email.message
import email.parser
import email.policy
import pathlib
import re
import zipfile

import pytest

LINK = re.compile(r"\]\(([^)]*)\)|^\[[^\]]+\]:\s*(\S+)|(?:href|src)=\"([^\"]*)\"", re.M)


@pytest.fixture(scope="module")
def metadata(wheel: pathlib.Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return email.parser.BytesParser(policy=email.policy.compat32).parsebytes(archive.read(name))


def test_it_says_what_an_index_asks_for(metadata: email.message.Message) -> None:
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Author"] == "terrace maintainers"
    assert {"cache", "redis"} <= set(metadata["Keywords"].split(","))
    classifiers = metadata.get_all("Classifier") or []
    assert {"Typing :: Typed", "Operating System :: POSIX :: Linux", "Programming Language :: Python :: 3.11"} <= set(classifiers)
    assert not [one for one in classifiers if one.startswith("License ::")]  # License-Expression says it


def test_the_description_has_no_link_that_needs_the_repository(metadata: email.message.Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    description = metadata.get_payload()
    assert isinstance(description, str) and description.startswith("# terrace")
    assert [link for found in LINK.findall(description) for link in found if link and "://" not in link] == []


def test_the_interpreter_that_the_build_asks_for_is_the_one_that_the_metadata_name(root: pathlib.Path) -> None:
    build = (root / "python/CMakeLists.txt").read_text()
    (least,) = re.findall(r"find_package\(Python (\S+) ", build)
    assert f'requires-python = ">={least}"' in (root / "pyproject.toml").read_text()


def test_every_page_names_the_least_version_that_the_metadata_name(root: pathlib.Path) -> None:
    (least,) = re.findall(r'requires-python = ">=(\S+)"', (root / "pyproject.toml").read_text())
    pages = [*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("python/*.md"), root / "Makefile"]
    pattern = re.compile(r"Python (3\.\d+) (?:and newer|or newer|on\b)|each CPython from (3\.\d+)")
    named = {page.name: pattern.findall(page.read_text()) for page in pages if page.name != "CHANGELOG.md"}
    assert {version for found in named.values() for pair in found for version in pair if version} == {least}, named
    metadata = (root / "pyproject.toml").read_text()
    assert min(re.findall(r":: (3\.\d+)\"", metadata), key=lambda version: int(version[2:])) == least
