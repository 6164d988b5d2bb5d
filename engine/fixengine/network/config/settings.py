"""Every key of engine.toml: what it means, its range and its default, in this one file.

Each section is a Struct. A field's annotation says what a value must be and what it is for, its
default what holds without it; from these come the check, the error texts and the listing of
`fixengine config`. A key without a default must be given.

No secret stands in the file, only names of files that hold one. Names of files and directories
are taken relative to the directory of the configuration file.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from fixengine.fix.venue import TIME_SCALE_MAX
from fixengine.fix.venues.binance import BINANCE_SPOT, ORDER_ENTRY
from fixengine.network.config.section import Section, about
from fixengine.network.config.tuning import CPU_MAX, LINGER_US_MAX, Tuning

SOCKET_PATH_BYTES_MAX = 107
"""What the operating system holds of a socket's path."""
COMP_IDS_MAX = 64
FILE = "the name of a file or directory"


class Place(NamedTuple):
    """An address, and the name that its certificate must have."""

    host: str
    port: int
    server_name: str


class Venue(Section, frozen=True, kw_only=True):
    """Which venue, and how to talk to it."""

    name: Annotated[Literal["binance-spot"], about("The venue's table.")] = "binance-spot"
    environment: Annotated[
        Literal["simulator", "testnet", "demo", "production"],
        about("Sets host and port. No default: nobody shall trade for real by leaving it out."),
    ]
    host: Annotated[str, about("Host to connect to. Default: the environment's.")] = ""
    port: Annotated[int, about("Port for text FIX both ways.", ge=1, le=65_535)] = ORDER_ENTRY.port
    server_name: Annotated[
        str, about("Name sent as SNI and expected in the certificate. Default: host.")
    ] = ""
    ca_file: Annotated[
        Path | None,
        about(
            "PEM file of the only authorities to trust, as the simulator's. Default: the system's."
        ),
    ] = None
    sender_comp_ids: Annotated[
        tuple[str, ...],
        about(
            "SenderCompIDs to take in turn, more than sessions and drop copy together: after an"
            " unclean end an id rests for twice heartbeat_s, and a hand-over takes a further one."
        ),
    ]
    heartbeat_s: Annotated[
        int,
        about(
            "HeartBtInt.",
            ge=BINANCE_SPOT.heartbeat_s_min,
            le=BINANCE_SPOT.heartbeat_s_max,
        ),
    ] = 30
    message_handling: Annotated[
        Literal["sequential", "unordered"],
        about(
            "MessageHandling (25035) of every session. sequential: the venue takes messages in the"
            " order of their numbers, so one that is slow there holds up those behind it."
            " unordered: it does not wait, and may let a cancel overtake its order."
        ),
    ] = "sequential"
    sessions: Annotated[
        int,
        about(
            "Order-entry sessions at once, one less than the venue allows, for a hand-over.",
            ge=1,
            le=ORDER_ENTRY.limits.connections_max - 1,
        ),
    ] = 1
    report_sessions: Annotated[
        Annotated[int, about("", ge=0, le=ORDER_ENTRY.limits.connections_max - 1)] | None,
        about(
            "How many of them get all reports of the account (ResponseMode 25036 EVERYTHING), the"
            " others get acknowledgements only. Each of the first kind tells every report again,"
            " which costs the engine time in a burst, but no fill goes unseen when another ends."
            " 0 only with drop_copy or sources.user_data: fills would vanish. Default: 2, or 1"
            " where sessions is 1."
        ),
    ] = None
    spread: Annotated[
        Literal["round_robin", "symbol"],
        about("Which session takes an order: each in turn, or always the same for a symbol."),
    ] = "round_robin"
    drain_ms_max: Annotated[
        int,
        about(
            "How long, after a hand-over before maintenance, an old session is kept for answers.",
            ge=100,
            le=60_000,
        ),
    ] = 10_000
    drop_copy: Annotated[
        bool, about("Keep a drop copy session too: reports of the account, a second later.")
    ] = False
    drop_copy_host: Annotated[
        str,
        about("Host of the drop copy. Default: the environment's; of the simulator venue.host."),
    ] = ""
    drop_copy_port: Annotated[
        int, about("Port of the drop copy. 0: the same as port.", ge=0, le=65_535)
    ] = 0
    time_scale: Annotated[
        int,
        about(
            "Divides the venue's intervals and HeartBtInt, as --time-scale of the simulator does;"
            " for the simulator only.",
            ge=1,
            le=TIME_SCALE_MAX,
        ),
    ] = 1
    recv_window_ms: Annotated[
        int,
        about(
            "RecvWindow (25000) on every request: the venue refuses one that arrives later. An"
            " order may have a shorter one. The longer, the staler an order can be when it trades,"
            " and the longer an order that was lost stays unknown.",
            ge=1,
            le=BINANCE_SPOT.recv_window_ms_max,
        ),
    ] = BINANCE_SPOT.recv_window_ms_default
    connect_timeout_ms: Annotated[int, about("TCP and TLS together.", ge=100, le=60_000)] = 5000
    logon_timeout_ms: Annotated[int, about("Wait for the Logon answer.", ge=100, le=10_000)] = (
        10_000
    )
    logout_timeout_ms: Annotated[
        int, about("Wait for the Logout answer; without it the id is locked.", ge=100, le=60_000)
    ] = 10_000

    @property
    def reporting(self) -> int:
        """Order-entry sessions that get all reports."""
        given = self.report_sessions
        return min(2, self.sessions) if given is None else given

    @property
    def order_entry(self) -> Place:
        """Where order-entry sessions connect."""
        return Place(self.host, self.port, self.server_name)

    @property
    def drop_copy_place(self) -> Place:
        """Where the drop copy session connects; a host of its own vouches for itself."""
        host = self.drop_copy_host
        name = self.server_name if host == self.host else host
        return Place(host, self.drop_copy_port or self.port, name)


class Key(Section, frozen=True, kw_only=True):
    """Files that hold the secrets. Each must belong to this user and have mode 0600 or 0400."""

    api_key_file: Annotated[Path, about("Text file with the API key.")]
    private_key_file: Annotated[Path, about("PEM file (PKCS#8) with the Ed25519 private key.")]
    password_file: Annotated[
        Path | None, about("Text file with the password of an encrypted private key.")
    ] = None
    ask_password: Annotated[
        bool,
        about("Ask for that password on the terminal; [sources] needs another key then, or none."),
    ] = False


class Sources(Section, frozen=True, kw_only=True):
    """Where else the venue tells what became of orders: its REST API and its user data stream."""

    rest: Annotated[bool, about("Whether REST may be asked.")] = True
    user_data: Annotated[bool, about("Whether the user data stream is kept open.")] = True
    host: Annotated[
        str, about("Host of REST. Default: the environment's; of the simulator venue.host.")
    ] = ""
    port: Annotated[
        int,
        about(
            "Port of REST. 0: the environment's; the simulator prints its own at each start, and"
            " without it there is neither REST nor stream.",
            ge=0,
            le=65_535,
        ),
    ] = 0
    stream_host: Annotated[
        str, about("Host of the stream. Default: the environment's; of the simulator host.")
    ] = ""
    stream_port: Annotated[
        int,
        about("Port of the stream. 0: the environment's; of the simulator port.", ge=0, le=65_535),
    ] = 0
    api_key_file: Annotated[
        Path | None, about("Another API key for these, such as one that only reads.")
    ] = None
    private_key_file: Annotated[
        Path | None, about("Its Ed25519 private key. Default for both: those of [key].")
    ] = None
    password_file: Annotated[Path | None, about("The password of that key.")] = None
    weight_percent: Annotated[
        int,
        about(
            "Most of the venue's weight limit to use; the limit is of the address, so other"
            " programs need a part of it too.",
            ge=1,
            le=100,
        ),
    ] = 50
    deadline_ms: Annotated[
        int, about("Wait for one answer of REST, or for the stream.", ge=100, le=60_000)
    ] = 10_000


class Bus(Section, frozen=True, kw_only=True):
    """Where strategies connect."""

    endpoint: Annotated[
        str,
        about(
            "ipc://PATH of the socket, in a directory that only this user may enter."
            " Default: bus/engine in engine.state_dir."
        ),
    ] = ""
    link: Annotated[
        Literal["compiled", "plain"],
        about(
            "How the engine speaks ZeroMQ: by itself on the sockets, or through pyzmq and a thread"
            " of libzmq's, which takes longer. Strategies see no difference; the log says which it"
            " is."
        ),
    ] = "compiled"
    strategies_max: Annotated[int, about("Strategies known at once.", ge=1, le=1000)] = 64
    report_buffer_max: Annotated[
        int,
        about(
            "Events kept in memory for one strategy until it acknowledges them; older ones come"
            " from the journal. One that falls so many behind while it is connected is cut off."
            " More than orders_max: a session that is lost may make an event of every open order"
            " at once.",
            ge=16,
            le=1 << 24,
        ),
    ] = 131_072
    valid_for_ms_max: Annotated[
        int, about("Longest valid_for_ms of a request.", ge=1, le=60_000)
    ] = 10_000


class Strategies(Section, frozen=True, kw_only=True):
    """What holds of every strategy that has no section [strategy.NAME] of its own."""

    on_death: Annotated[
        Literal["keep", "cancel", "hand_over"],
        about(
            "What becomes of the open orders of a strategy that is gone: they stay, or each is"
            " cancelled, or is the strategy heir's from then on."
        ),
    ] = "keep"
    heir: Annotated[
        str,
        about(
            'Who gets the orders with on_death = "hand_over"; what becomes of its own then is'
            " another matter."
        ),
    ] = ""
    grace_ms: Annotated[
        int, about("How long a strategy may be gone before that.", ge=0, le=3_600_000)
    ] = 5000
    silence_ms_max: Annotated[
        int,
        about(
            "A connected strategy that says nothing for so long is gone; its client says a"
            " Heartbeat in time as long as it reads reports. 0: for ever.",
            ge=0,
            le=3_600_000,
        ),
    ] = 0


class Strategy(Section, frozen=True, kw_only=True):
    """What holds of the strategy NAME. With one token_file, all strategies need theirs."""

    token_file: Annotated[
        Path | None,
        about("Text file (0600) with the secret that the client gives as token, 16 to 128 bytes."),
    ] = None
    on_death: Annotated[
        Literal["keep", "cancel", "hand_over"] | None,
        about("As in [strategies], which is the default."),
    ] = None
    heir: Annotated[str | None, about("As in [strategies], which is the default.")] = None
    grace_ms: Annotated[
        Annotated[int, about("", ge=0, le=3_600_000)] | None,
        about("As in [strategies], which is the default."),
    ] = None
    silence_ms_max: Annotated[
        Annotated[int, about("", ge=0, le=3_600_000)] | None,
        about("As in [strategies], which is the default."),
    ] = None


class Orders(Section, frozen=True, kw_only=True):
    """Open orders on the account that this engine did not place."""

    foreign: Annotated[
        Literal["ignore", "adopt", "cancel"],
        about(
            "What becomes of those that REST names at the start, and after nobody heard of fills"
            " for a while: they are left alone, given to a strategy, or cancelled."
        ),
    ] = "ignore"
    adopt_as: Annotated[str, about("The strategy that adopts them.")] = ""


class Instruments(Section, frozen=True, kw_only=True):
    """The rules of symbols (tick, lot, notional), asked of REST and kept in engine.state_dir."""

    check: Annotated[
        bool,
        about(
            "Refuse an order here that breaks a rule which the venue has told of its symbol; a"
            " symbol is asked for once an order in it has gone out."
        ),
    ] = True
    refresh_s: Annotated[
        int, about("How old rules may become before they are asked for again.", ge=60, le=86_400)
    ] = 3600


class Engine(Section, frozen=True, kw_only=True):
    """The process."""

    state_dir: Annotated[
        Path, about("Directory (0700) for lock, state, journal and bus; one engine for each.")
    ]
    unsent_bytes_max: Annotated[
        int,
        about(
            "Bytes that may wait in our buffers and the kernel's before new orders are refused."
            " 0: any unsent byte refuses them, so that no order ages behind another. Up to 16 KiB"
            " that wait for an acknowledgement alone (TCP's congestion window) do not count.",
            ge=0,
            le=1 << 20,
        ),
    ] = 0
    orders_max: Annotated[
        int, about("Orders that are not finished; more are refused.", ge=1, le=10_000_000)
    ] = 100_000
    on_stop: Annotated[
        Literal["keep", "cancel"],
        about(
            "What becomes of the open orders of all strategies when the engine is asked to stop:"
            " they stay, or each is cancelled before the Logout, for at most 10 s. A second signal"
            " ends that."
        ),
    ] = "keep"


class Limits(Section, frozen=True, kw_only=True):
    """Limits kept here, so that the venue never has to enforce its own; it is asked for them."""

    mode: Annotated[Literal["venue", "off"], about("off: keep none; for the simulator only.")] = (
        "venue"
    )
    cancel_reserve_percent: Annotated[
        int, about("Share of a limit that only cancels and the session may use.", ge=5, le=50)
    ] = 5
    strategy_share_percent: Annotated[
        int,
        about(
            "Most of a limit that one strategy may use while others do too: one that floods"
            " stops itself and not them.",
            ge=1,
            le=100,
        ),
    ] = 50


class Journal(Section, frozen=True, kw_only=True):
    """The record of everything that came in and went out."""

    ring_bytes: Annotated[
        int,
        about(
            "Shared memory between the walk and the disk, a power of two. It bridges a slow disk;"
            " when three quarters of it are full, new orders are refused, and so are they while"
            " the disk has no room for twice as much.",
            ge=1 << 20,
            le=1 << 30,
        ),
    ] = 32 << 20
    durability: Annotated[
        Literal["process", "power"],
        about(
            "What an order that has left is remembered through. process: any end of the engine,"
            " kill -9 too; the disk follows within milliseconds. power: a power failure too, so"
            " each order waits until it is on disk, and a cancel too, but 50 ms at most."
        ),
    ] = "process"
    held_orders_max: Annotated[
        int,
        about(
            "With durability power: orders that may wait for the disk at once; more are refused.",
            ge=1,
            le=1 << 16,
        ),
    ] = 1024
    file_bytes_max: Annotated[
        int, about("Size at which a journal file is followed by the next.", ge=1 << 20, le=1 << 36)
    ] = 256 << 20
    keep_bytes_max: Annotated[
        Annotated[int, about("", ge=1 << 20, le=1 << 50)] | None,
        about(
            "Remove the oldest files beyond so many bytes, but none that a start needs: those"
            " since the last start, or the last checkpoint but one, stay. Without it all are kept."
        ),
    ] = None
    keep_days_max: Annotated[
        Annotated[int, about("", ge=1, le=36_500)] | None,
        about("The same for files that were last written so many days ago."),
    ] = None
    checkpoint_bytes: Annotated[
        int,
        about(
            "Bytes of the journal after which a checkpoint is made, so that the next start reads"
            " that, and about so many bytes more.",
            ge=1 << 16,
            le=1 << 36,
        ),
    ] = 32 << 20


class Log(Section, frozen=True, kw_only=True):
    """What the process says."""

    json: Annotated[bool, about("JSON lines instead of lines for people.")] = False
    level: Annotated[
        Literal["debug", "info", "warning", "error"], about("The least level to say.")
    ] = "info"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A checked configuration; every name of a file is absolute, every default filled in."""

    venue: Venue
    key: Key
    bus: Bus
    strategies: Strategies
    strategy: dict[str, Strategy]
    orders: Orders
    # What holds of a run that had no such section, when it is replayed.
    instruments: Instruments = Instruments(check=False)
    engine: Engine
    tuning: Tuning = Tuning()
    limits: Limits
    journal: Journal
    log: Log
    sources: Sources

    @property
    def rest_place(self) -> Place | None:
        """Where REST is, or None without it."""
        sources = self.sources
        return self._web_place(sources.rest, sources.host, sources.port)

    @property
    def stream_place(self) -> Place | None:
        """Where the user data stream is, or None without it."""
        sources = self.sources
        return self._web_place(sources.user_data, sources.stream_host, sources.stream_port)

    @property
    def sources_key(self) -> Key:
        """The key for both."""
        sources = self.sources
        if sources.api_key_file is None or sources.private_key_file is None:
            return self.key
        return Key(
            api_key_file=sources.api_key_file,
            private_key_file=sources.private_key_file,
            password_file=sources.password_file,
        )

    def _web_place(self, wanted: bool, host: str, port: int) -> Place | None:
        if not wanted or not port:
            return None
        # The simulator's certificate is one for all its ports.
        name = self.venue.server_name if host == self.venue.host else host
        return Place(host, port, name)

    def of_strategy(self, name: str) -> Strategies:
        """What holds of a strategy: its own section, and [strategies] for what that leaves out."""
        own = self.strategy.get(name, Strategy())
        given = {key: getattr(own, key) for key in names_of(Strategies)}
        stated = {key: value for key, value in given.items() if value is not None}
        return msgspec.structs.replace(self.strategies, **stated)


SECTIONS: dict[str, type[Section]] = {
    "venue": Venue,
    "key": Key,
    "bus": Bus,
    "strategies": Strategies,
    "orders": Orders,
    "instruments": Instruments,
    "engine": Engine,
    "tuning": Tuning,
    "limits": Limits,
    "journal": Journal,
    "log": Log,
    "sources": Sources,
}
EXPECTED = {
    "sender_comp_ids": f"a list of 2..{COMP_IDS_MAX} different ids, each 1 to 8 of a-z A-Z 0-9 - _",
    "cpu": f"an integer 0..{CPU_MAX}",
    "io_cpu": f"an integer 0..{CPU_MAX}",
    "linger_us": f"an integer 0..{LINGER_US_MAX}",
    "fifo_priority": "an integer 1..99",
    "endpoint": f"ipc://PATH, the path of at most {SOCKET_PATH_BYTES_MAX} bytes",
    "link": '"compiled" or "plain"',
    "host": "a host name or address",
    "server_name": "a host name or address",
    "stream_host": "a host name or address",
    "drop_copy_host": "a host name or address",
    "adopt_as": "a strategy's name, 1..32 characters of a-z A-Z 0-9 - _",
    "on_death": '"keep", "cancel" or "hand_over"',
    "on_stop": '"keep" or "cancel"',
    "grace_ms": "an integer 0..3600000",
    "silence_ms_max": "0, or an integer 3000..3600000",
    "report_sessions": "an integer 0..9, not more than sessions",
    "ring_bytes": "a power of two from 1048576 to 1073741824",
}


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
            lines += describe_key(field.name, hint)
            if field.default is msgspec.NODEFAULT:
                lines += [f"{field.name} = {EXAMPLES[field.name]}", ""]
            else:
                shown = "" if field.default in ("", None) else f" {toml(field.default)}"
                lines += [f"# {field.name} ={shown}", ""]
    lines += [f"# {Strategy.__doc__}", "# [strategy.NAME]"]
    hints = get_type_hints(Strategy, include_extras=True)
    for field in msgspec.structs.fields(Strategy):
        lines += [*describe_key(field.name, hints[field.name]), f"# {field.name} =", ""]
    return "\n".join(lines).rstrip()


EXAMPLES = {
    "environment": '"testnet"',
    "sender_comp_ids": '["ENGINE1", "ENGINE2"]',
    "api_key_file": '"api_key"',
    "private_key_file": '"private_key.pem"',
    "state_dir": '"state"',
}


def describe_key(name: str, hint: Any) -> list[str]:
    """Comment lines: what a key is for and what it may be."""
    text = f"{limits_of(hint).description} [{expected_text(name, hint)}]"
    return textwrap.wrap(text, 96, initial_indent="# ", subsequent_indent="#   ")


def limits_of(hint: Any) -> Any:
    """What `about` said about a field."""
    return hint.__metadata__[0]


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
    return FILE


def toml(value: Any) -> str:
    """A value as TOML writes it, for a text; long ones are cut."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value) if abs(value) < 1 << 64 else "a larger number"
    if isinstance(value, str):
        text = value if len(value) <= 40 else value[:37] + "..."
        return msgspec.json.encode(text).decode()
    if isinstance(value, list):
        return f"[{', '.join(toml(item) for item in value[:5])}{', ...' if len(value) > 5 else ''}]"
    return "a table" if isinstance(value, dict) else "a date or time"


def names_of(kind: type[Section]) -> tuple[str, ...]:
    """The keys of a section."""
    return tuple(field.name for field in msgspec.structs.fields(kind))
