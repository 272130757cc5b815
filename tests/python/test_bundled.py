"""The libraries that the wheel carries: few."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import zipfile

import pytest
import terrace
from servers import PostgresServer

#: What it carries, by the beginning of the name. libpq brings OpenSSL, and nothing of Kerberos and LDAP.
CARRIED = {"libcrypto", "libfmt", "libgomp", "libmuparser", "libpq", "libprometheus-cpp-core", "libsodium", "libspdlog", "libsqlite3", "libssl",
           "libterrace_no_gssapi", "libterrace_no_ldap", "libtomlplusplus", "libxxhash", "libzstd"}


@pytest.fixture(scope="module")
def content(wheel: pathlib.Path) -> dict[str, bytes]:
    """The files of the wheel; those of its dist-info by their path in there."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    return {re.sub(r"^terrace-[^/]*\.dist-info/", "", name): data for name, data in files.items()}


def carried(content: dict[str, bytes]) -> list[str]:
    return [name for name in content if name.startswith("terrace.libs/")]


def test_it_carries_these_libraries_and_no_others(content: dict[str, bytes]) -> None:
    assert {re.sub(r"-[0-9a-f]{8}\..*", "", pathlib.Path(name).name) for name in carried(content)} == CARRIED


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
