"""The simulator's own keys and certificates, made on first start in its state directory.

A certificate authority that signs one server certificate, an Ed25519 key for the client and an
API key, as a trader would have them from the venue. Beside the right certificate lie wrong ones,
of the same server key, for tests of clients: see WRONG. Private files have mode 0600 in a
directory of mode 0700. Certificates that have run out, or will within a day, are made anew; the
client's keys stay. Beside them lies a ready `engine.toml`.

Nothing here is a secret worth anything: it opens the simulator and nothing else.
"""

from __future__ import annotations

import datetime
import fcntl
import ipaddress
import os
import secrets
import stat
import string
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fixengine.simulator.engine_config import engine_config

SERVER_NAME = "fix-oe.simulator"
VALID_DAYS = 825
RENEW_BEFORE = datetime.timedelta(days=1)
API_KEY_CHARS = 64
SERVER_NAMES = (
    x509.DNSName("localhost"),
    x509.DNSName(SERVER_NAME),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)
OTHER_NAME = x509.DNSName("other.simulator")
WRONG = ("other-name", "expired", "other-ca")
"""Certificates no client may take: for another name, run out, of an authority it does not know."""
PRIVATE_MODE = 0o600
DIRECTORY_MODE = 0o700


class PkiError(Exception):
    """The state directory cannot be used; the text names it and the next step."""


class Files(NamedTuple):
    """Where everything lies."""

    ca_file: Path
    server_certificate_file: Path
    server_key_file: Path
    private_key_file: Path
    api_key_file: Path
    config_file: Path


def ensure(directory: Path, now: datetime.datetime) -> Files:
    """Make what is missing or has run out; the paths of everything.

    now: aware datetime. Raises PkiError for a directory that is not ours, is open to others or
    cannot be written, and for a file in it that cannot be read.
    """
    files = Files(
        ca_file=directory / "ca.pem",
        server_certificate_file=directory / "server.pem",
        server_key_file=directory / "server.key",
        private_key_file=directory / "client.key",
        api_key_file=directory / "api_key",
        config_file=directory / "engine.toml",
    )
    try:
        _open_directory(directory)
        with _locked(directory / "lock"):
            if _runs_out(files, now):
                _make_certificates(files, now)
            if not files.private_key_file.exists():
                key = ed25519.Ed25519PrivateKey.generate()
                _write(files.private_key_file, _private_pem(key))
            if not files.api_key_file.exists():
                letters = string.ascii_letters + string.digits
                api_key = "".join(secrets.choice(letters) for _ in range(API_KEY_CHARS))
                _write(files.api_key_file, f"{api_key}\n".encode())
    except OSError as problem:
        raise PkiError(
            f"state directory {directory}: {problem.strerror or problem};"
            " choose another with --state-dir"
        ) from problem
    return files


def wrong_certificate(files: Files, which: str) -> Path:
    """Where a wrong certificate of the server's key lies; which: one of WRONG."""
    return files.server_certificate_file.with_name(f"{which}.pem")


def read_api_key(files: Files) -> str:
    """The API key a client has to name. Raises PkiError for a file that holds none."""
    text = _read(files.api_key_file).strip()
    if not text.isalnum():
        raise PkiError(f"{files.api_key_file}: not an API key; delete it to get a new one")
    return text.decode("ascii")


def read_public_key(files: Files) -> ed25519.Ed25519PublicKey:
    """The public half of the client's key. Raises PkiError for a file that holds no such key."""
    path = files.private_key_file
    try:
        key = serialization.load_pem_private_key(_read(path), None)
    except (ValueError, TypeError) as problem:
        raise PkiError(
            f"{path}: not an unencrypted PEM key; delete it to get a new one"
        ) from problem
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise PkiError(f"{path}: not an Ed25519 key; delete it to get a new one")
    return key.public_key()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise PkiError(f"{path}: {problem.strerror}; delete it to get a new one") from problem


def write_config(
    files: Files,
    host: str,
    port: int,
    *,
    web_port: int | None,
    drop_copy_port: int | None,
    time_scale: int,
) -> None:
    """Write engine.toml: how an engine on this machine reaches this venue.

    web_port: of REST and user data stream. Raises PkiError where it cannot be written.
    """
    text = "# Written by `fixengine simulate` at each start: an engine that trades on it.\n\n"
    text += engine_config(
        host=host,
        port=port,
        server_name=SERVER_NAME,
        ca_file=files.ca_file,
        api_key_file=files.api_key_file,
        private_key_file=files.private_key_file,
        comp_ids=("ENGINE1", "ENGINE2", "ENGINE3"),
        drop_copy_port=drop_copy_port,
        time_scale=time_scale,
        state_dir=files.config_file.parent / "engine",
        web_port=web_port,
    )
    try:
        _write(files.config_file, text.encode())
    except OSError as problem:
        raise PkiError(f"{files.config_file}: {problem.strerror}") from problem


def _open_directory(directory: Path) -> None:
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    found = directory.stat()
    if found.st_uid != os.getuid():
        raise PkiError(f"state directory {directory}: belongs to somebody else; choose another")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise PkiError(
            f"state directory {directory}: open to others, and private keys lie in it;"
            " choose a directory of your own with mode 0700, which is made where it is missing"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two simulators that start in one directory do not make its files at the same time."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, readable by nobody else at any moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)


def _private_pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _runs_out(files: Files, now: datetime.datetime) -> bool:
    """Whether the certificates are missing, do not belong together, or are about to run out."""
    try:
        ca = x509.load_pem_x509_certificate(files.ca_file.read_bytes())
        server = x509.load_pem_x509_certificate(files.server_certificate_file.read_bytes())
        key = serialization.load_pem_private_key(files.server_key_file.read_bytes(), None)
        server.verify_directly_issued_by(ca)
        for which in WRONG:
            x509.load_pem_x509_certificate(wrong_certificate(files, which).read_bytes())
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature):
        return True
    if key.public_key() != server.public_key():
        return True
    return not server.not_valid_before_utc <= now < server.not_valid_after_utc - RENEW_BEFORE


def _make_certificates(files: Files, now: datetime.datetime) -> None:
    """A new authority and the server's certificates; the authority's key is not kept."""
    ca_key, ca = _authority(now)
    other_ca_key, other_ca = _authority(now)
    key = ec.generate_private_key(ec.SECP256R1())
    long_ago = now - datetime.timedelta(days=VALID_DAYS + 1)
    pem = serialization.Encoding.PEM
    for path, names, issuer, issuer_key, since in (
        (wrong_certificate(files, "other-name"), (OTHER_NAME,), ca, ca_key, now),
        (wrong_certificate(files, "expired"), SERVER_NAMES, ca, ca_key, long_ago),
        (wrong_certificate(files, "other-ca"), SERVER_NAMES, other_ca, other_ca_key, now),
        (files.server_certificate_file, SERVER_NAMES, ca, ca_key, now),
    ):
        made = _server_certificate(names, key.public_key(), issuer, issuer_key, since)
        _write(path, made.public_bytes(pem))
    _write(files.server_key_file, _private_pem(key))
    _write(files.ca_file, ca.public_bytes(pem))


def _authority(now: datetime.datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fixengine simulator CA")])
    made = (
        _certificate(name, name, key.public_key(), key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, made


def _server_certificate(
    names: tuple[x509.GeneralName, ...],
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER_NAME)])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        _certificate(name, issuer.subject, key, issuer_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(key_cert_sign=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
) -> x509.CertificateBuilder:
    subject_id = x509.SubjectKeyIdentifier.from_public_key(public_key)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(subject_id, critical=False)
        .add_extension(issuer_id, critical=False)
    )


def _key_usage(key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )
