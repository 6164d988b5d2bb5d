"""The simulator's keys and certificates: made once, private, renewed in time, usable."""

from __future__ import annotations

import datetime
import socket
import ssl
import stat
import threading
import tomllib
from pathlib import Path

import pytest
from cryptography import x509
from fixengine.network.config import load
from fixengine.simulator import pki

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state"


def handshake(files: pki.Files, name: str) -> None:
    """A client that trusts ca_file only and insists on name."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(files.server_certificate_file, files.server_key_file)
    client_context = ssl.create_default_context(cafile=str(files.ca_file))
    # As Python 3.13 and later do by themselves.
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server_context.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client_context.wrap_socket(ours, server_hostname=name).close()
    finally:
        ours.close()
        thread.join()


def test_everything_is_made_and_private(directory: Path) -> None:
    files = pki.ensure(directory, NOW)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for path in (files.server_key_file, files.private_key_file, files.api_key_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(pki.read_api_key(files)) == 64
    assert pki.read_api_key(files).isalnum()
    pki.read_public_key(files)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "fix-oe.simulator"])
def test_a_client_accepts_each_name(directory: Path, name: str) -> None:
    handshake(pki.ensure(directory, NOW), name)


def test_a_client_refuses_another_name(directory: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(pki.ensure(directory, NOW), "fix-oe.binance.com")


def contents(files: pki.Files) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in files if path.exists()}


def test_a_second_start_changes_nothing(directory: Path) -> None:
    before = contents(pki.ensure(directory, NOW))
    later = NOW + datetime.timedelta(days=pki.VALID_DAYS - 2)
    assert contents(pki.ensure(directory, later)) == before


@pytest.mark.parametrize("days", [-2, pki.VALID_DAYS - 0.5, pki.VALID_DAYS])
def test_certificates_that_do_not_hold_are_made_anew_and_keys_stay(
    directory: Path, days: float
) -> None:
    before = contents(pki.ensure(directory, NOW))
    then = NOW + datetime.timedelta(days=days)
    files = pki.ensure(directory, then)
    after = contents(files)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"ca.pem", "server.pem", "server.key"}
    certificate = x509.load_pem_x509_certificate(after["server.pem"])
    assert certificate.not_valid_before_utc <= then < certificate.not_valid_after_utc


@pytest.mark.parametrize("name", ["ca.pem", "server.pem", "server.key"])
@pytest.mark.parametrize("damage", ["missing", "rubbish", "another"])
def test_a_damaged_set_is_made_anew(
    directory: Path, tmp_path: Path, name: str, damage: str
) -> None:
    files = pki.ensure(directory, NOW)
    victim = directory / name
    if damage == "missing":
        victim.unlink()
    elif damage == "rubbish":
        victim.write_bytes(b"rubbish")
    else:
        pki.ensure(tmp_path / "other", NOW)
        victim.write_bytes((tmp_path / "other" / name).read_bytes())
    handshake(pki.ensure(directory, NOW), "localhost")
    assert pki.ensure(directory, NOW) == files


def test_a_directory_open_to_others_is_refused_with_the_remedy(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with pytest.raises(pki.PkiError, match="choose a directory of your own with mode 0700"):
        pki.ensure(tmp_path, NOW)


def test_a_file_in_the_way_is_one_clear_line(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(pki.PkiError, match=r"state directory .*/file: .*--state-dir"):
        pki.ensure(in_the_way, NOW)


def test_a_client_key_of_another_kind_is_refused(directory: Path) -> None:
    files = pki.ensure(directory, NOW)
    files.private_key_file.write_bytes(files.server_key_file.read_bytes())
    with pytest.raises(pki.PkiError, match="not an Ed25519 key"):
        pki.read_public_key(files)
    files.private_key_file.write_bytes(b"rubbish")
    with pytest.raises(pki.PkiError, match="not an unencrypted PEM key"):
        pki.read_public_key(files)


def test_an_api_key_file_that_holds_none_is_refused(directory: Path) -> None:
    files = pki.ensure(directory, NOW)
    for content in (b"", b"two words", b"\xff\xfe"):
        files.api_key_file.write_bytes(content)
        with pytest.raises(pki.PkiError, match="not an API key; delete it"):
            pki.read_api_key(files)
    files.api_key_file.unlink()
    with pytest.raises(pki.PkiError, match="No such file"):
        pki.read_api_key(files)


def test_the_example_configuration_is_toml_even_in_an_odd_place(short_path: Path) -> None:
    files = pki.ensure(short_path / 'a "quoted" \\ place', NOW)
    places = {"web_port": 9443, "drop_copy_port": 9100}
    pki.write_config(files, "127.0.0.1", 9000, time_scale=50, **places)
    assert stat.S_IMODE(files.config_file.stat().st_mode) == 0o600
    config = tomllib.loads(files.config_file.read_text())
    assert config["venue"]["ca_file"] == str(files.ca_file)
    assert config["venue"]["port"] == 9000
    assert config["key"]["private_key_file"] == str(files.private_key_file)
    read = load(files.config_file)
    assert (read.venue.host, read.venue.server_name) == ("127.0.0.1", pki.SERVER_NAME)
    assert read.venue.drop_copy_place == ("127.0.0.1", 9100, pki.SERVER_NAME)
    assert (read.venue.drop_copy, read.venue.time_scale) == (True, 50)
    places = {"web_port": 9443, "drop_copy_port": None}
    pki.write_config(files, "127.0.0.1", 9000, time_scale=1, **places)
    assert "drop_copy" not in files.config_file.read_text()
