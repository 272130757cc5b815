"""Real servers for tests, each on a free loopback port and in a folder of its own, gone at the end."""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_user() -> pwd.struct_passwd | None:
    """Whom root becomes, for PostgreSQL refuses to be root; None: this is not root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def program(*names: str) -> str:
    """The first of the names in PATH or in Debian's newest folder of PostgreSQL's programs."""
    folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    raise RuntimeError(f"none of {', '.join(names)} is here; `make setup` installs them")


class Server:
    """A program that has started once a line of what it prints holds `ready`."""

    def __init__(self, ready: str) -> None:
        self.ready = ready
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="terrace-python-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        log_name = self.folder / "log"
        with open(log_name, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            assert self.process.stdout is not None
            for line in self.process.stdout:
                log.write(line)
                if self.ready.encode() in line:
                    break
            else:
                log.flush()
                self.process.wait()
                self.process = None
                raise RuntimeError(f"{self.command()[0]} does not start:\n{log_name.read_text(errors='replace')}")
        # What it says from here on is read by a process that ends with it, so that the pipe never fills.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL)
        self.process.stdout.close()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.drain.wait()
            self.process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class RedisServer(Server):
    """`tls`: it speaks TLS alone, with a certificate for 127.0.0.1 that `certificate` holds and that signs itself."""

    def __init__(self, tls: bool = False) -> None:
        super().__init__("eady to accept connections")
        self.tls = tls
        self.socket = str(self.folder / "redis.sock")
        self.certificate = str(self.folder / "server.crt")
        if tls:
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                 "-keyout", str(self.folder / "server.key"), "-out", self.certificate],
                check=True, capture_output=True)

    @property
    def url(self) -> str:
        return f"{'rediss' if self.tls else 'redis'}://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        ports = ["--port", str(self.port)]
        if self.tls:
            ports = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no",
                     "--tls-ca-cert-file", self.certificate, "--tls-cert-file", self.certificate,
                     "--tls-key-file", str(self.folder / "server.key")]
        return [program("redis-server", "valkey-server"), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", str(self.folder), "--unixsocket", self.socket, *ports]


class PostgresServer(Server):
    """The superuser "postgres" needs no password."""

    def __init__(self) -> None:
        super().__init__("database system is ready to accept connections")
        user = server_user()
        if user is not None:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        subprocess.run(
            self.as_user([program("initdb"), "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust",
                          "--no-sync", "--no-locale", "-E", "UTF8"]),
            check=True, capture_output=True)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def as_user(self, command: list[str]) -> list[str]:
        user = server_user()
        if user is None:
            return command
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=KILL",
                "--reset-env", *command]

    def command(self) -> list[str]:
        settings = ["fsync=off", "full_page_writes=off", "shared_buffers=32MB", "listen_addresses=127.0.0.1",
                    f"port={self.port}", f"unix_socket_directories={self.folder}"]
        return self.as_user([program("postgres"), "-D", str(self.folder / "data"),
                             *[word for setting in settings for word in ("-c", setting)]])

    def let_in(self, line: str) -> None:
        """Begins again with this line of pg_hba.conf alone."""
        self.stop()
        (self.folder / "data/pg_hba.conf").write_text(line + "\n")
        self.start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(2)  # SIGINT: ends its children in order, though clients are connected
            self.process.wait()
        super().stop()
