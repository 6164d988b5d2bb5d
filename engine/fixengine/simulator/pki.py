"""The simulator's own keys and certificates, made on first start in its state directory.

A certificate authority that signs one server certificate, an Ed25519 key for the client and an
API key, as a trader would have them from the venue. Private files have mode 0600 in a directory of
mode 0700. Certificates that have run out, or will within a day, are made anew; the client's keys
stay. Beside them lies a ready `engine.toml`.

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
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER_NAME = "fix-oe.simulator"
VALID_DAYS = 825
RENEW_BEFORE = datetime.timedelta(days=1)
API_KEY_CHARS = 64
PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644
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
                _write(files.private_key_file, _private_pem(key), PRIVATE_MODE)
            if not files.api_key_file.exists():
                letters = string.ascii_letters + string.digits
                api_key = "".join(secrets.choice(letters) for _ in range(API_KEY_CHARS))
                _write(files.api_key_file, f"{api_key}\n".encode(), PRIVATE_MODE)
    except OSError as problem:
        raise PkiError(
            f"state directory {directory}: {problem.strerror or problem}: choose another with --state-dir"
        ) from problem
    return files


def read_api_key(files: Files) -> str:
    """The API key a client has to name."""
    return files.api_key_file.read_text("ascii").strip()


def read_public_key(files: Files) -> ed25519.Ed25519PublicKey:
    """The public half of the client's key. Raises PkiError for a file that holds no such key."""
    try:
        key = serialization.load_pem_private_key(files.private_key_file.read_bytes(), None)
    except (ValueError, TypeError) as problem:
        raise PkiError(
            f"{files.private_key_file}: not an unencrypted PEM key; delete it to get a new one"
        ) from problem
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise PkiError(f"{files.private_key_file}: not an Ed25519 key; delete it to get a new one")
    return key.public_key()
