"""engine.toml: every key, its default and its range, in this one file.

Each section is a Struct. A field's annotation says what a value must be, its docstring-like
description what it is for, and its default what holds without it; from these come the check, the
error texts and the listing of `fixengine config`. A key without a default must be given.

No secret stands in the file, only names of files that hold one. Names of files and directories
are taken relative to the directory of the configuration file.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from fixengine.fix.venues.binance import BINANCE_SPOT, ORDER_ENTRY

FILE_BYTES_MAX = 1 << 20
SOCKET_PATH_BYTES_MAX = 100
"""A socket's path holds 107 bytes; ZeroMQ and the client need a few."""

COMP_ID = re.compile(BINANCE_SPOT.comp_id_pattern)
HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}\Z")
SECRET_NAMES = re.compile(
    r"(api_?key|(private|secret|api)_?(key|secret)|key|pem|secret|password|passphrase|token)\Z"
)
LIKE_A_SECRET = re.compile(r"[A-Za-z0-9+/=]{40,}\Z")


class ConfigError(Exception):
    """The configuration cannot be used; one line that names file, key and what was expected."""


def key(description: str, **limits: Any) -> msgspec.Meta:
    """What a field means, and its limits (ge, le)."""
    return msgspec.Meta(description=description, **limits)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the sections."""


class Venue(Section):
    """Which venue, and how to talk to it."""

    name: Annotated[Literal["binance-spot"], key("The venue's table.")] = "binance-spot"
    environment: Annotated[
        Literal["simulator", "testnet", "demo", "production"],
        key("Sets host and port. No default: nobody shall trade for real by leaving it out."),
    ]
    host: Annotated[str, key("Host to connect to. Default: the environment's.")] = ""
    port: Annotated[int, key("Port for text FIX both ways.", ge=1, le=65_535)] = ORDER_ENTRY.port
    server_name: Annotated[
        str, key("Name sent as SNI and expected in the certificate. Default: host.")
    ] = ""
    ca_file: Annotated[
        Path | None,
        key("PEM file of the one authority to trust; default: the system's. The simulator's own."),
    ] = None
    sender_comp_ids: Annotated[
        tuple[str, ...],
        key(
            "SenderCompIDs to take in turn, one more than sessions at least: after an unclean end"
            " an id rests for twice heartbeat_s."
        ),
    ]
    heartbeat_s: Annotated[
        int,
        key(
            "HeartBtInt.",
            ge=BINANCE_SPOT.heartbeat_s_min,
            le=BINANCE_SPOT.heartbeat_s_max,
        ),
    ] = 30
    message_handling: Annotated[
        Literal["sequential", "unordered"],
        key("25035. unordered: the venue may let a cancel overtake its order."),
    ] = "sequential"
    response_mode: Annotated[
        Literal["everything", "only_acks"],
        key("25036. only_acks is refused: fills of resting orders would not be reported."),
    ] = "everything"
    recv_window_ms: Annotated[
        int,
        key(
            "RecvWindow on every order: the venue refuses one that arrives later.",
            ge=1,
            le=BINANCE_SPOT.recv_window_ms_max,
        ),
    ] = BINANCE_SPOT.recv_window_ms_default
    connect_timeout_ms: Annotated[int, key("TCP and TLS together.", ge=100, le=60_000)] = 5000
    logon_timeout_ms: Annotated[int, key("Wait for the Logon answer.", ge=100, le=10_000)] = 10_000
    logout_timeout_ms: Annotated[
        int, key("Wait for the Logout answer; without it the id is locked.", ge=100, le=60_000)
    ] = 10_000


class Key(Section):
    """Files that hold the secrets. Each must belong to this user and have mode 0600 or 0400."""

    api_key_file: Annotated[Path, key("Text file with the API key.")]
    private_key_file: Annotated[Path, key("PEM file (PKCS#8) with the Ed25519 private key.")]
    password_file: Annotated[
        Path | None, key("Text file with the password of an encrypted private key.")
    ] = None
    ask_password: Annotated[bool, key("Ask for that password on the terminal.")] = False


class Bus(Section):
    """Where strategies connect."""

    endpoint: Annotated[
        str,
        key(
            "ipc://PATH of the socket, in a directory that only this user may enter."
            " Default: bus/engine in engine.state_dir."
        ),
    ] = ""
    strategies_max: Annotated[int, key("Strategies known at once.", ge=1, le=1000)] = 64
    report_buffer_max: Annotated[
        int, key("Events kept for one strategy until it acknowledges them.", ge=16, le=1 << 24)
    ] = 65_536
    valid_for_ms_max: Annotated[
        int, key("Longest valid_for_ms of a request.", ge=1, le=60_000)
    ] = 10_000


class Engine(Section):
    """The process."""

    state_dir: Annotated[
        Path, key("Directory (0700) for lock, state, journal and bus; one engine for each.")
    ]
    cpu: Annotated[int | None, key("Core to pin the process to.", ge=0, le=4095)] = None
    unsent_bytes_max: Annotated[
        int,
        key(
            "Bytes that may wait in our buffers and the kernel's before new orders are refused."
            " 0: any unsent byte refuses them, so that no order ages behind another.",
            ge=0,
            le=1 << 20,
        ),
    ] = 0
    orders_max: Annotated[
        int, key("Orders that are not finished; more are refused.", ge=1, le=10_000_000)
    ] = 100_000
    idle: Annotated[Literal["block"], key("What to do when there is nothing to do.")] = "block"


class Limits(Section):
    """Limits kept here, so that the venue never has to enforce its own."""

    mode: Annotated[
        Literal["venue", "off"], key("off: keep none; for the simulator only.")
    ] = "venue"
    cancel_reserve_percent: Annotated[
        int, key("Share of a limit that only cancels and the session may use.", ge=5, le=50)
    ] = 5


class Journal(Section):
    """The record of everything that came in and went out."""

    ring_bytes: Annotated[
        int,
        key(
            "Shared memory between the walk and the disk, a power of two. It bridges a slow disk;"
            " when it is full, new orders are refused.",
            ge=1 << 20,
            le=1 << 30,
        ),
    ] = 32 << 20
    file_bytes_max: Annotated[
        int, key("Size at which a journal file is followed by the next.", ge=1 << 20, le=1 << 36)
    ] = 256 << 20


class Log(Section):
    """What the process says."""

    json: Annotated[bool, key("JSON lines instead of lines for people.")] = False
    level: Annotated[
        Literal["debug", "info", "warning", "error"], key("The least level to say.")
    ] = "info"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A checked configuration; every name of a file is absolute, every default filled in."""

    venue: Venue
    key: Key
    bus: Bus
    engine: Engine
    limits: Limits
    journal: Journal
    log: Log


SECTIONS: dict[str, type[Section]] = {
    "venue": Venue,
    "key": Key,
    "bus": Bus,
    "engine": Engine,
    "limits": Limits,
    "journal": Journal,
    "log": Log,
}
EXPECTED = {
    "sender_comp_ids": "a list of at least 2 different ids, each 1 to 8 of a-z A-Z 0-9 - _",
    "endpoint": f"ipc://PATH, the path at most {SOCKET_PATH_BYTES_MAX} bytes",
    "host": "a host name or address",
    "server_name": "a host name or address",
    "ring_bytes": "a power of two from 1048576 to 1073741824",
}


def load(path: Path) -> Config:
    """The configuration in a file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"{path}: larger than {FILE_BYTES_MAX} bytes; this is no configuration")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text; byte {error.start} is none") from None
    return parse(text, path)


def parse(text: str, path: Path) -> Config:
    """The configuration in a text that came from path. Raises ConfigError."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not TOML: nested too deeply") from None
    return Reader(path).config(given)


def effective(config: Config) -> dict[str, Any]:
    """Everything that holds, as plain values for the journal's START record; it has no secret."""
    plain: dict[str, Any] = msgspec.to_builtins(config, enc_hook=str)
    return plain


def describe() -> str:
    """All keys with meaning and default, as a TOML file: what has a default is commented out."""
    lines = []
    for section, kind in SECTIONS.items():
        lines += [f"# {kind.__doc__}", f"[{section}]"]
        hints = get_type_hints(kind, include_extras=True)
        for field in msgspec.structs.fields(kind):
            hint = hints[field.name]
            lines += [f"# {describe_key(field.name, hint)}"]
            if field.default is msgspec.NODEFAULT:
                lines += [f"{field.name} = {EXAMPLES[field.name]}", ""]
            else:
                shown = "" if field.default in ("", None) else f" {toml(field.default)}"
                lines += [f"# {field.name} ={shown}", ""]
    return "\n".join(lines).rstrip()


EXAMPLES = {
    "environment": '"simulator"',
    "sender_comp_ids": '["ENGINE1", "ENGINE2"]',
    "api_key_file": '"api_key"',
    "private_key_file": '"private_key.pem"',
    "state_dir": '"state"',
}


def describe_key(name: str, hint: Any) -> str:
    """One line: what a key is for and what it may be."""
    expected = expected_text(name, hint)
    return f"{limits_of(hint).description} {expected[0].upper()}{expected[1:]}."


def limits_of(hint: Any) -> msgspec.Meta:
    """What `key` said about a field."""
    meta = hint.__metadata__[0]
    assert isinstance(meta, msgspec.Meta)
    return meta


def expected_text(name: str, hint: Any) -> str:
    """What a value must be, in words."""
    if name in EXPECTED:
        return EXPECTED[name]
    kind = hint.__origin__
    if get_origin(kind) is Literal:
        values = [f'"{value}"' for value in get_args(kind)]
        return " or ".join(filter(None, [", ".join(values[:-1]), values[-1]]))
    if kind is bool:
        return "true or false"
    if kind is str:
        return "text"
    limits = limits_of(hint)
    if limits.ge is not None:
        return f"an integer {limits.ge}..{limits.le}"
    return "the name of a file or directory, as text"


def toml(value: Any) -> str:
    """A value as TOML writes it, for a text; long ones are cut."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        text = value if len(value) <= 40 else value[:37] + "..."
        return msgspec.json.encode(text).decode()
    if isinstance(value, list):
        return f"[{', '.join(toml(item) for item in value[:5])}{', ...' if len(value) > 5 else ''}]"
    return "a table" if isinstance(value, dict) else "a date or time"


class Reader:
    """Turns the tables of one file into a Config, or into the first error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._directory = Path(path).absolute().parent

    def config(self, given: dict[str, Any]) -> Config:
        """See `parse`."""
        for name, table in given.items():
            if name not in SECTIONS:
                raise self._error(name, self._unknown_section(name, table))
            if not isinstance(table, dict):
                raise self._error(name, f"expected a table, written [{name}], got {toml(table)}")
        venue = self._venue(self._section(Venue, "venue", given))
        key = self._section(Key, "key", given)
        if key.ask_password and key.password_file is not None:
            raise self._error("key.ask_password", "expected this or key.password_file, not both")
        engine = self._section(Engine, "engine", given)
        limits = self._section(Limits, "limits", given)
        if limits.mode == "off" and venue.environment != "simulator":
            raise self._error(
                "limits.mode", '"off" is for the simulator; this venue ends a session that breaks'
                ' its limits: expected "venue"',
            )
        return Config(
            venue=venue,
            key=key,
            bus=self._bus(self._section(Bus, "bus", given), engine),
            engine=engine,
            limits=limits,
            journal=self._section(Journal, "journal", given),
            log=self._section(Log, "log", given),
        )

    def _section[T: Section](self, kind: type[T], name: str, given: dict[str, Any]) -> T:
        raise NotImplementedError
