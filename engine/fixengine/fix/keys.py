"""Keys and other secrets from files, and the Ed25519 signature of a Logon.

A secret lies in a file of its own that only its owner can read, and is looked at through one open
descriptor, so that what was checked is what is read. In this program it is a `Secret`, which does
not print. No error text, repr or traceback shows a secret or a piece of one.
"""

from __future__ import annotations

import base64
import getpass
import os
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

FILE_BYTES_MAX = 64 << 10
MODES = (0o600, 0o400)
PEM_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9][A-Z0-9 ]{0,40})-----")
PLAIN = "PRIVATE KEY"
ENCRYPTED = "ENCRYPTED PRIVATE KEY"
TOKEN = re.compile(rb"[!-~]{16,128}")
API_KEY = re.compile(rb"[!-~]{1,256}\Z")


class KeyFileError(Exception):
    """A key or secret cannot be used; one line that names the file and the next step."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class Secret(bytes):
    """Bytes that do not show themselves in repr, str or format. Use them as bytes."""

    def __repr__(self) -> str:
        return "<secret>"

    def __str__(self) -> str:
        return "<secret>"

    def __format__(self, spec: str) -> str:
        return "<secret>"


class Signer:
    """An Ed25519 key that can sign and cannot be looked at."""

    __slots__ = ("_key",)

    def __init__(self, key: ed25519.Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> bytes:
        """The signature as base64 text, 88 bytes; the same payload always gives the same."""
        return base64.b64encode(self._key.sign(payload))

    def __repr__(self) -> str:
        return "<Ed25519 signer>"

    def __reduce__(self) -> str:
        raise TypeError("a signer is not pickled: its key stays in this process")


class KeySettings(Protocol):
    """Where the secrets lie: section [key] of the configuration."""

    @property
    def api_key_file(self) -> Path:
        """Text file with the API key."""
        ...

    @property
    def private_key_file(self) -> Path:
        """PEM file with the Ed25519 key."""
        ...

    @property
    def password_file(self) -> Path | None:
        """Text file with the password of that key."""
        ...

    @property
    def ask_password(self) -> bool:
        """Whether to ask for it on the terminal."""
        ...


def load(settings: KeySettings) -> tuple[str, Signer]:
    """(API key, signer), by the configuration; asks for a password where that is wanted.

    Raises KeyFileError.
    """
    api_key = read_api_key(settings.api_key_file)
    password = None
    if settings.password_file is not None:
        password = read_secret_file(settings.password_file)
    elif settings.ask_password:
        password = ask_password(settings.private_key_file)
    return api_key.decode(), load_private_key(settings.private_key_file, password)


def load_private_key(path: Path, password: bytes | None = None) -> Signer:
    """The signer of a PEM file (PKCS#8) with an Ed25519 key.

    password: of an encrypted key. Raises KeyFileError for a file that is missing, not owned by
    this user, of another mode than 0600 or 0400, no private key, another kind of key, encrypted
    without a password, encrypted with another one, or not encrypted though a password was given.
    """
    data = read_private_file(path)
    label = pem_label(path, data)
    hidden = None if password is None else Secret(password)
    del password
    if label == ENCRYPTED and hidden is None:
        raise KeyFileError(
            path, "the key is encrypted; give key.password_file, or key.ask_password = true"
        )
    if label == PLAIN and hidden is not None:
        raise KeyFileError(
            path, "the key is not encrypted; leave key.password_file and key.ask_password out"
        )
    # What the library raises may quote the key, so nothing of it is passed on.
    try:
        key = load_pem_private_key(data, hidden)
    except UnsupportedAlgorithm:
        reason = "expected an Ed25519 key; this is of a kind that is not supported"
        raise KeyFileError(path, reason) from None
    except (ValueError, TypeError):
        if label == ENCRYPTED:
            reason = "the key cannot be decrypted: wrong password, or the file is damaged"
        else:
            reason = "the file is damaged: it holds no whole private key"
        raise KeyFileError(path, reason) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise KeyFileError(path, f"expected an Ed25519 key; this is {kind_of(key)}")
    return Signer(key)


def read_secret_file(path: Path) -> Secret:
    """What a file of mode 0600 or 0400 holds, without one newline at its end.

    KeyFileError as load_private_key, and for an empty file.
    """
    data = read_private_file(path)
    secret = Secret(data.removesuffix(b"\n").removesuffix(b"\r"))
    if not secret:
        raise KeyFileError(path, "the file is empty")
    return secret


def read_api_key(path: Path) -> Secret:
    """The API key in a file: one line of printable ASCII without blanks, else KeyFileError."""
    secret = read_secret_file(path)
    if not API_KEY.match(secret):
        raise KeyFileError(
            path, "expected an API key: one line of printable ASCII without blanks, 256 at most"
        )
    return secret


def read_token(path: Path) -> bytes:
    """A strategy's token in a file: a line of printable ASCII without blanks, or KeyFileError."""
    secret = read_secret_file(path)
    if not TOKEN.fullmatch(secret):
        reason = "expected a token: 16 to 128 printable ASCII characters without blanks"
        raise KeyFileError(path, f"{reason}, as `openssl rand -hex 32` makes one")
    return secret


def read_tokens(files: Mapping[str, Path | None]) -> dict[str, bytes]:
    """Each strategy's token, by its name, where it has a file. KeyFileError where two have one
    token: whoever holds it would be both.
    """
    tokens: dict[str, bytes] = {}
    holders: dict[bytes, str] = {}
    for name, path in files.items():
        if path is None:
            continue
        tokens[name] = token = read_token(path)
        other = holders.setdefault(token, name)
        if other != name:
            raise KeyFileError(path, f"it holds the token of strategy {other}; give {name} its own")
    return tokens


def ask_password(path: Path) -> Secret:
    """Ask on the terminal for the password of a key file; KeyFileError where there is none."""
    if not sys.stdin.isatty():
        raise KeyFileError(
            path, "key.ask_password needs a terminal; without one give key.password_file"
        )
    try:
        return Secret(getpass.getpass(f"Password of {path}: ").encode())
    except (EOFError, KeyboardInterrupt):
        raise KeyFileError(path, "no password was given") from None


def read_private_file(path: Path) -> Secret:
    """The bytes of a file that only its owner can read; KeyFileError for any other file."""
    try:
        # A pipe or a terminal in its place must not hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise KeyFileError(path, f"cannot be opened: {error.strerror}") from None
    except ValueError:
        raise KeyFileError("key file", "its name holds a zero byte") from None
    try:
        check_private(path, os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as file:
            data = Secret(file.read(FILE_BYTES_MAX + 1))
    except OSError as error:
        raise KeyFileError(path, f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(data) > FILE_BYTES_MAX:
        raise KeyFileError(path, f"larger than {FILE_BYTES_MAX} bytes; this is no key")
    return data


def check_private(path: Path, status: os.stat_result) -> None:
    """KeyFileError unless the file is a regular one, of this user, and of mode 0600 or 0400."""
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(path, "expected a regular file")
    if status.st_uid != os.geteuid():
        own = os.geteuid()
        raise KeyFileError(path, f"belongs to user {status.st_uid}; expected your own, {own}")
    mode = stat.S_IMODE(status.st_mode)
    if mode not in MODES:
        raise KeyFileError(path, f"has mode {mode:04o}; expected 0600 or 0400: chmod 600 it")


def pem_label(path: Path, data: Secret) -> str:
    """PLAIN or ENCRYPTED; KeyFileError says what else the file is."""
    found = PEM_LABEL.search(data)
    if found is None:
        raise KeyFileError(path, "not a PEM file: it has no -----BEGIN PRIVATE KEY----- line")
    label = found[1].decode()
    if label in (PLAIN, ENCRYPTED):
        return label
    raise KeyFileError(path, f"expected a PRIVATE KEY (PKCS#8, Ed25519), not {label}")


def kind_of(key: object) -> str:
    """What a private key is, for an error text."""
    if isinstance(key, rsa.RSAPrivateKey):
        return f"an RSA key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"an elliptic-curve key ({key.curve.name})"
    if isinstance(key, ed448.Ed448PrivateKey):
        return "an Ed448 key"
    if isinstance(key, dsa.DSAPrivateKey):
        return "a DSA key"
    return "another kind of key"
