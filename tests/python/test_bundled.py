"""The libraries that the wheel carries: few, and each with its licence and in the bill of materials."""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
import subprocess
import sys
import zipfile
from typing import Any

import pytest
import terrace
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from servers import PostgresServer

#: What it carries, by the beginning of the name. libpq brings OpenSSL, and nothing of Kerberos and LDAP.
CARRIED = {"libcrypto", "libfmt", "libgomp", "libmuparser", "libpq", "libprometheus-cpp-core", "libsodium", "libspdlog", "libsqlite3", "libssl",
           "libterrace_no_gssapi", "libterrace_no_ldap", "libtomlplusplus", "libxxhash", "libzstd"}
COMPILED_IN = {"boost", "cli11", "msgpack-cxx", "nanobind", "robin-map"}


@pytest.fixture(scope="module")
def content(wheel: pathlib.Path) -> dict[str, bytes]:
    """The files of the wheel; those of its dist-info by their path in there."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    return {re.sub(r"^terrace-[^/]*\.dist-info/", "", name): data for name, data in files.items()}


@pytest.fixture(scope="module")
def bill(content: dict[str, bytes]) -> dict[str, Any]:
    return json.loads(content["sboms/terrace.cdx.json"])  # type: ignore[no-any-return]


def carried(content: dict[str, bytes]) -> list[str]:
    return [name for name in content if name.startswith("terrace.libs/")]


def test_it_carries_these_libraries_and_no_others(content: dict[str, bytes]) -> None:
    assert {re.sub(r"-[0-9a-f]{8}\..*", "", pathlib.Path(name).name) for name in carried(content)} == CARRIED


def test_the_bill_is_valid(content: dict[str, bytes]) -> None:
    assert [name for name in content if name.startswith("sboms/")] == ["sboms/terrace.cdx.json"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content["sboms/terrace.cdx.json"].decode()) is None


def test_the_bill_lists_what_is_there(content: dict[str, bytes], bill: dict[str, Any]) -> None:
    listed = {one["properties"][0]["value"]: one["hashes"][0]["content"] for one in bill["components"] if "properties" in one}
    assert listed == {name: hashlib.sha256(content[name]).hexdigest() for name in carried(content)}
    assert {one["name"] for one in bill["components"] if "properties" not in one} == COMPILED_IN
    assert bill["metadata"]["component"]["version"] == terrace.__version__
    depends = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    assert set(depends["terrace"]) == {one["bom-ref"] for one in bill["components"]}


def test_each_component_says_where_it_is_from_and_its_licence(bill: dict[str, Any]) -> None:
    for one in bill["components"]:
        assert one["version"] and len(one["licenses"]) == 1, one
        if one["name"].startswith("libterrace_"):
            continue  # ours
        package = PackageURL.from_string(one["purl"])
        assert package.version and package.type in ("deb", "pypi", "generic", "github"), one


def test_the_licence_of_each_component_is_there(content: dict[str, bytes], bill: dict[str, Any]) -> None:
    texts = {name.removeprefix("licenses/third_party/"): data.decode() for name, data in content.items() if name.startswith("licenses/third_party/")}
    for one in bill["components"]:
        if "purl" in one:
            text = texts[PackageURL.from_string(one["purl"]).name + ".txt"]
            assert re.search("copyright|permission|redistribution", text, re.I), one
    # A text that refers to a file of Debian's refers to one that is there, too.
    for name in {name for text in texts.values() for name in re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])", text)}:
        assert len(texts[f"common/{name}.txt"]) > 1000


def test_the_metadata_name_the_licences(content: dict[str, bytes]) -> None:
    named = re.findall(r"^License-File: (.*)$", content["METADATA"].decode().split("\n\n")[0], re.M)
    assert {f"licenses/{name}" for name in named} == {name for name in content if name.startswith("licenses/")}


def test_a_server_that_wants_kerberos_is_an_error_that_says_so(own_postgres: PostgresServer) -> None:
    own_postgres.let_in("host all postgres 127.0.0.1/32 gss")
    url = f"{own_postgres.url}?gssencmode=require"
    with terrace.Cache("kerberos", memory=None, tiers=[own_postgres.url], tier_timeout=5) as cache:
        assert "has no GSSAPI (Kerberos)" in str(cache.lookup("k").error)
    with terrace.Cache("kerberos", memory=None, tiers=[url], tier_timeout=5) as cache:
        assert "GSSAPI" in str(cache.lookup("k").error)


def test_an_ldap_line_in_a_service_file_is_an_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / "pg_service.conf").write_text("[cache]\nldap://127.0.0.1/dc=example?uniqueMember?one?(cn=cache)\n")
    program = """
import terrace
with terrace.Cache("ldap", memory=None, tiers=["postgresql:///postgres?service=cache"], tier_timeout=5) as cache:
    print(cache.lookup("k").error)
"""
    done = subprocess.run([sys.executable, "-c", program], env={"PGSERVICEFILE": str(tmp_path / "pg_service.conf")},
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "could not create LDAP structure" in done.stdout
