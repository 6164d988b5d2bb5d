"""Keys from files: the official vector, every way a file can be wrong, and no secret shown."""

from __future__ import annotations

import base64
import os
import pickle
import pty
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import fixengine
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from fixengine.fix.keys import (
    FILE_BYTES_MAX,
    KeyFileError,
    Secret,
    load,
    load_private_key,
    read_api_key,
    read_secret_file,
    read_tokens,
)

# The venue's documents print this key and signature for checking a client; it guards nothing.
OFFICIAL_KEY = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u
-----END PRIVATE KEY-----
"""
OFFICIAL_PAYLOAD = b"A\x01EXAMPLE\x01SPOT\x011\x0120240627-11:17:25.223"
OFFICIAL_SIGNATURE = (
    b"4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
)
PASSWORD = b"correct horse"


def pem(key: object, password: bytes | None = None, form: str = "PKCS8") -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    raw = key.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), encryption
    )
    assert isinstance(raw, bytes)
    return raw


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(data: bytes, mode: int = 0o600) -> Path:
        path = tmp_path / "key.pem"
        path.write_bytes(data)
        path.chmod(mode)
        return path

    return write


Write = Callable[..., Path]


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_official_vector_byte_for_byte(write: Write, mode: int) -> None:
    sign = load_private_key(write(OFFICIAL_KEY, mode)).sign
    assert sign(OFFICIAL_PAYLOAD) == OFFICIAL_SIGNATURE
    assert sign(OFFICIAL_PAYLOAD) == OFFICIAL_SIGNATURE
    assert len(OFFICIAL_PAYLOAD) == 38


def test_encrypted_key(write: Write) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    path = write(pem(key, PASSWORD))
    sign = load_private_key(path, PASSWORD).sign
    key.public_key().verify(base64.b64decode(sign(b"payload")), b"payload")


def test_encrypted_key_without_or_with_another_password(write: Write) -> None:
    path = write(pem(ed25519.Ed25519PrivateKey.generate(), PASSWORD))
    with pytest.raises(KeyFileError, match=r"key\.pem: the key is encrypted; give key\.password_f"):
        load_private_key(path)
    for wrong in (b"wrong", b""):
        with pytest.raises(KeyFileError, match="wrong password, or the file is damaged"):
            load_private_key(path, wrong)


def test_password_for_a_key_that_needs_none(write: Write) -> None:
    with pytest.raises(KeyFileError, match=r"is not encrypted; leave key\.password_file"):
        load_private_key(write(OFFICIAL_KEY), PASSWORD)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o700, 0o620, 0o200, 0o4600])
def test_other_modes_are_refused(write: Write, mode: int) -> None:
    path = write(OFFICIAL_KEY, mode)
    if not os.access(path, os.R_OK):
        pytest.skip("the file cannot be opened at all by this user")
    for read in (load_private_key, read_secret_file, read_api_key):
        with pytest.raises(KeyFileError, match=f"has mode {mode:04o}; expected 0600 or 0400"):
            read(path)


def test_other_owner_is_refused(write: Write) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give a file away")
    path = write(OFFICIAL_KEY)
    os.chown(path, 12345, 12345)
    with pytest.raises(KeyFileError, match="belongs to user 12345; expected your own, 0"):
        load_private_key(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"none\.pem: cannot be opened: No such file"):
        load_private_key(tmp_path / "none.pem")
    with pytest.raises(KeyFileError, match="expected a regular file"):
        load_private_key(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeyFileError, match="expected a regular file"):
        load_private_key(tmp_path / "pipe")
    with pytest.raises(KeyFileError, match="zero byte"):
        load_private_key(tmp_path / "a\0b")


def other_keys() -> list[tuple[str, bytes]]:
    curve = ec.generate_private_key(ec.SECP256R1())
    rsa_key = rsa.generate_private_key(65537, 2048)
    ed = ed25519.Ed25519PrivateKey.generate()
    public = ed.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return [
        ("this is an RSA key of 2048 bits", pem(rsa_key)),
        ("this is an elliptic-curve key (secp256r1)", pem(curve)),
        ("this is an Ed448 key", pem(ed448.Ed448PrivateKey.generate())),
        ("this is a DSA key", pem(dsa.generate_private_key(2048))),
        ("this is another kind of key", pem(x25519.X25519PrivateKey.generate())),
        (
            "expected a PRIVATE KEY (PKCS#8, Ed25519), not RSA PRIVATE KEY",
            pem(rsa_key, form="TraditionalOpenSSL"),
        ),
        (
            "expected a PRIVATE KEY (PKCS#8, Ed25519), not EC PRIVATE KEY",
            pem(curve, form="TraditionalOpenSSL"),
        ),
        (
            "expected a PRIVATE KEY (PKCS#8, Ed25519), not OPENSSH PRIVATE KEY",
            pem(ed, form="OpenSSH"),
        ),
        ("expected a PRIVATE KEY (PKCS#8, Ed25519), not PUBLIC KEY", public),
        (
            "expected a PRIVATE KEY (PKCS#8, Ed25519), not CERTIFICATE",
            b"-----BEGIN CERTIFICATE-----\n",
        ),
        ("not a PEM file", b""),
        ("not a PEM file", b"sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQ"),
        ("not a PEM file", bytes(range(256))),
        ("the file is damaged", OFFICIAL_KEY[:60]),
        ("the file is damaged", OFFICIAL_KEY.replace(b"MC4C", b"MC4D")),
        ("larger than 65536 bytes", OFFICIAL_KEY + bytes(FILE_BYTES_MAX)),
    ]


def test_other_content_says_what_it_is(write: Write) -> None:
    for text, content in other_keys():
        with pytest.raises(KeyFileError) as caught:
            load_private_key(write(content))
        assert text in str(caught.value)
        assert "\n" not in str(caught.value)


def test_encrypted_key_of_another_kind(write: Write) -> None:
    path = write(pem(ec.generate_private_key(ec.SECP256R1()), PASSWORD))
    with pytest.raises(KeyFileError, match="expected an Ed25519 key; this is an elliptic-curve"):
        load_private_key(path, PASSWORD)


# --- secrets in files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"abc", b"abc"), (b"abc\n", b"abc"), (b"abc\n\n", b"abc\n"), (b"abc\r\n", b"abc")],
)
def test_secret_file(write: Write, content: bytes, secret: bytes) -> None:
    assert read_secret_file(write(content)) == secret


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_empty_secret_file(write: Write, content: bytes) -> None:
    with pytest.raises(KeyFileError, match="the file is empty"):
        read_secret_file(write(content))


def test_api_key(write: Write) -> None:
    assert read_api_key(write(b"sBRXrJx2DsOraMXOaUovEhgV\n")) == b"sBRXrJx2DsOraMXOaUovEhgV"
    for content in (b"two words", b"a\nb", b"k\xc3\xa9y", b"a\x01b", b"x" * 257, b"k\n\n"):
        with pytest.raises(KeyFileError, match="expected an API key: one line of printable ASCII"):
            read_api_key(write(content))


def test_secret_does_not_print() -> None:
    secret = Secret(b"hunter2")
    assert secret == b"hunter2"
    shown = f"{secret!s} {secret!r} {[secret]} {{}} {{!r}}".format(secret, secret)
    assert "hunter2" not in shown
    assert "hunter2" not in f"{secret:>20}"


def test_signer_shows_and_gives_away_nothing(write: Write) -> None:
    sign = load_private_key(write(OFFICIAL_KEY))
    assert repr(sign) == str(sign) == "<Ed25519 signer>"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(sign)


def test_tracebacks_hold_no_secret_even_with_their_local_variables(write: Write) -> None:
    encrypted = pem(ed25519.Ed25519PrivateKey.generate(), PASSWORD)
    cases: list[tuple[bytes, bytes | None]] = [
        (OFFICIAL_KEY.replace(b"MC4C", b"MC4D"), None),
        (OFFICIAL_KEY, b"hunter2"),
        (encrypted, b"hunter2"),
        (encrypted, None),
        (pem(rsa.generate_private_key(65537, 2048)), None),
        (b"hunter2 hunter2 hunter2", None),
    ]
    for content, password in cases:
        path = write(content)
        shown = ""
        for read in (partial(load_private_key, path, password), partial(read_api_key, path)):
            with pytest.raises(KeyFileError) as caught:
                read()
            assert caught.value.__cause__ is None
            inner = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
            # The first frame is this test, which has to know the secret.
            del inner.stack[:1]
            assert inner.stack[0].name == getattr(read.func, "__name__", "")
            shown += "".join(inner.format())
        body = content.decode().splitlines()
        lines = body[1:-1] if len(body) > 2 else body
        assert shown
        assert not [line for line in [*lines, "hunter2"] if line in shown]


class Settings(NamedTuple):
    api_key_file: Path
    private_key_file: Path
    password_file: Path | None = None
    ask_password: bool = False


def test_load_by_configuration(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "api", tmp_path / "key", tmp_path / "password")
    key = ed25519.Ed25519PrivateKey.generate()
    for path, content in zip(
        settings, (b"KEY\n", pem(key, PASSWORD), PASSWORD + b"\n"), strict=False
    ):
        assert isinstance(path, Path)
        path.write_bytes(content)
        path.chmod(0o600)
    api_key, signer = load(settings)
    assert api_key == "KEY"
    key.public_key().verify(base64.b64decode(signer.sign(b"payload")), b"payload")
    with pytest.raises(KeyFileError, match="the key is encrypted"):
        load(settings._replace(password_file=None))


# --- the prompt -----------------------------------------------------------------------------


def test_prompt_needs_a_terminal() -> None:
    root = Path(fixengine.__file__).parents[1]
    code = (
        "from pathlib import Path\n"
        "from fixengine.fix.keys import KeyFileError, ask_password\n"
        "try:\n    ask_password(Path('key.pem'))\n"
        "except KeyFileError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=b"hunter2\n",
        capture_output=True,
        check=True,
        env={"PYTHONPATH": str(root)},
    )
    assert b"key.pem: key.ask_password needs a terminal" in done.stdout


@pytest.mark.parametrize(
    ("typed", "answer"),
    [(PASSWORD + b"\n", b"signed 88 bytes"), (b"\x04", b"no password was given")],
    ids=["password", "end of input"],
)
def test_prompt_on_a_terminal(write: Write, typed: bytes, answer: bytes) -> None:
    """A real pseudo-terminal: the password is read, and not echoed."""
    path = write(pem(ed25519.Ed25519PrivateKey.generate(), PASSWORD))
    root = Path(fixengine.__file__).parents[1]
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from fixengine.fix.keys import KeyFileError, ask_password, load_private_key\n"
        "path = Path(sys.argv[1])\n"
        "try:\n    sign = load_private_key(path, ask_password(path)).sign\n"
        "    print('signed', len(sign(b'x')), 'bytes')\n"
        "except KeyFileError as error:\n    print(error)\n"
    )
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={"PYTHONPATH": str(root)},
    )
    os.close(slave)
    seen = b""
    while b"Password of " not in seen or not seen.endswith(b": "):
        seen += os.read(master, 1000)
    os.write(master, typed)
    while answer not in seen:
        seen += os.read(master, 1000)
    assert child.wait(60) == 0
    os.close(master)
    assert PASSWORD not in seen
    assert f"Password of {path}".encode() in seen


def test_two_strategies_have_two_tokens(tmp_path: Path) -> None:
    files: dict[str, Path | None] = {}
    for name in ("maker", "taker", "other"):
        files[name] = tmp_path / f"{name}.token"
        (tmp_path / f"{name}.token").write_text(f"{name}-0123456789\n")
        (tmp_path / f"{name}.token").chmod(0o600)
    assert read_tokens({**files, "nobody": None})["taker"] == b"taker-0123456789"
    (tmp_path / "taker.token").write_text("maker-0123456789\n")
    with pytest.raises(KeyFileError, match=r"taker\.token: it holds the token of strategy maker"):
        read_tokens(files)
