"""The wheel's OpenSSL and the one of Python's ssl module live in one process: each does TLS, whichever comes first."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
from servers import RedisServer

PROGRAM = """
import pathlib, sys
order, port, certificate = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def by_python():
    import socket, ssl
    context = ssl.create_default_context(cafile=certificate)
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        tls.sendall(b"PING\\r\\n")
        assert tls.recv(7) == b"+PONG\\r\\n"

def by_terrace():
    import terrace
    with terrace.Cache("tls", memory=None, tiers=[f"rediss://127.0.0.1:{port}"], tier_timeout=5) as cache:
        cache[order] = "value"
        assert cache[order] == "value"

for who in order:
    {"p": by_python, "t": by_terrace}[who]()
maps = pathlib.Path("/proc/self/maps").read_text()
for line in sorted({line.split()[-1] for line in maps.splitlines() if "libcrypto" in line or "libssl" in line}):
    print(line)
"""


@pytest.mark.parametrize("order", ["ptp", "tpt"])
def test_both_do_tls_in_one_process(tls_redis: RedisServer, order: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, order, str(tls_redis.port), tls_redis.certificate],
                          env=os.environ | {"SSL_CERT_FILE": tls_redis.certificate}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    copies = [pathlib.Path(line).name.split("-")[0].split(".")[0] for line in done.stdout.split()]
    assert sorted(copies) == ["libcrypto", "libcrypto", "libssl", "libssl"], done.stdout


def test_without_the_authority_the_server_is_refused(tls_redis: RedisServer) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
    done = subprocess.run([sys.executable, "-c", PROGRAM, "t", str(tls_redis.port), tls_redis.certificate],
                          env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "WriteError" in done.stderr and "certificate" in done.stderr
