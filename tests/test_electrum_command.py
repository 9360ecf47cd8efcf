"""`satchel electrum` as people run it: TCP and TLS, signals, and mistakes in the settings."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.electrum_client import ElectrumClient
from tests.fixtures_electrum import clean_environment, electrum_command, free_port
from tests.fixtures_site import Site
from tests.own_thread import in_own_thread
from webapp.cli import main

OPENSSL = shutil.which("openssl")


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Made by ourselves, for localhost."""
    if OPENSSL is None:
        pytest.skip("openssl is missing: apt install openssl")
    directory = tmp_path_factory.mktemp("certificate")
    made = Certificate(directory / "cert.pem", directory / "key.pem")
    options = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    )
    subprocess.run(
        [
            *(OPENSSL, *options.split(), "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(made.key), "-out", str(made.certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return made


@pytest.fixture
def environment(demo_site: Site, tmp_path: Path) -> dict[str, str]:
    return clean_environment(demo_site, tmp_path)


@pytest.fixture
def running(
    demo_site: Site, tmp_path: Path, certificate: Certificate
) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    tls_port = free_port()
    settings = {
        "SATCHEL_ELECTRUM_TLS_PORT": str(tls_port),
        "SATCHEL_ELECTRUM_TLS_CERTIFICATE": str(certificate.certificate),
        "SATCHEL_ELECTRUM_TLS_KEY": str(certificate.key),
    }
    with electrum_command(demo_site, tmp_path, **settings) as (process, port):
        assert process.stdout is not None
        assert f"127.0.0.1:{tls_port}:s" in process.stdout.readline()
        yield process, port, tls_port


def test_both_doors_and_an_orderly_end(
    running: tuple[subprocess.Popen[str], int, int], certificate: Certificate, demo_site: Site
) -> None:
    process, port, tls_port = running
    trusting = ssl.create_default_context(cafile=str(certificate.certificate))
    with ElectrumClient(port) as plain, ElectrumClient(tls_port, tls=trusting) as secret:
        tip = plain.call("blockchain.headers.subscribe")
        assert tip["height"] == demo_site.node.tip().height
        assert secret.call("blockchain.headers.subscribe") == tip
        assert isinstance(secret.socket, ssl.SSLSocket)
        assert secret.socket.version() in {"TLSv1.2", "TLSv1.3"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        with pytest.raises(OSError, match=r".*"):
            plain.call("server.ping")


def test_a_stranger_at_the_tls_door(
    running: tuple[subprocess.Popen[str], int, int], certificate: Certificate
) -> None:
    _, _, tls_port = running
    with pytest.raises(ssl.SSLCertVerificationError):
        ElectrumClient(tls_port, tls=ssl.create_default_context())
    with socket.create_connection(("127.0.0.1", tls_port), timeout=20) as plain:
        plain.sendall(b'{"id":0,"method":"server.ping"}\n')
        with contextlib.suppress(ConnectionResetError):
            assert b"result" not in plain.recv(1000)
    trusting = ssl.create_default_context(cafile=str(certificate.certificate))
    with ElectrumClient(tls_port, tls=trusting) as client:
        assert client.call("server.ping") is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--electrum-tls-port", "50002"], "expected all three or none"),
        (["--electrum-port", "0"], "nothing to listen on"),
        (["--electrum-port", "70000"], "--electrum-port: found 70000, expected a whole number"),
        (["--electrum-host", "192.0.2.1"], "electrum_port: found 192.0.2.1:50001"),
        (
            [
                "--electrum-tls-port",
                "50002",
                "--electrum-tls-certificate",
                "a",
                "--electrum-tls-key",
                "b",
            ],
            "electrum_tls_certificate: found 'a', expected a PEM file",
        ),
        (["--database-url", "sqlite:////nowhere/index.sqlite"], "/nowhere"),
    ],
)
def test_mistakes_are_explained(
    environment: dict[str, str],
    options: list[str],
    said: str,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "webapp", "electrum", *options],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_without_tables(environment: dict[str, str], tmp_path: Path) -> None:
    empty = {"SATCHEL_DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite'}"}
    runner = CliRunner(env=environment | empty)
    result = in_own_thread(lambda: runner.invoke(main, ["electrum"]))
    assert result.exit_code == 2
    assert "has no tables yet" in result.output
