"""The configuration: what holds without it, and one clear line for everything wrong in it."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fixengine.fix.venues.binance import BINANCE_SPOT, ORDER_ENTRY
from fixengine.network.config import Config, ConfigError, describe, effective, load, parse
from fixengine.network.config.settings import SECTIONS
from hypothesis import given
from hypothesis import strategies as st

MINIMAL = """
[venue]
environment = "testnet"
sender_comp_ids = ["A", "B-_9zZ"]
[key]
api_key_file = "api_key"
private_key_file = "/keys/private.pem"
[engine]
state_dir = "state"
"""
PATH = Path("/etc/fixengine/engine.toml")


def minimal(**changes: Any) -> str:
    """MINIMAL with section__key=value, None taking a key away, as TOML."""
    content = tomllib.loads(MINIMAL)
    for full, value in changes.items():
        section, _, name = full.partition("__")
        if not name:
            content[section] = value
            continue
        table = content.setdefault(section, {})
        if value is None:
            del table[name]
        else:
            table[name] = value
    return "\n".join(lines_of("", content))


def lines_of(section: str, table: dict[str, Any]) -> Iterator[str]:
    """A table as TOML, those in it behind its own values."""
    if section:
        yield f"[{section}]"
    inner = {name: value for name, value in table.items() if isinstance(value, dict)}
    for name, value in table.items():
        if name not in inner:
            yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
    for name, value in inner.items():
        key = name if re.fullmatch(r"[\w-]+", name, re.ASCII) else json.dumps(name)
        yield from lines_of(f"{section}.{key}" if section else key, value)


def error_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, PATH)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{PATH}: ")
    return message.removeprefix(f"{PATH}: ")


def test_defaults() -> None:
    config = parse(MINIMAL, PATH)
    assert effective(config) == {
        "venue": {
            "name": "binance-spot",
            "environment": "testnet",
            "host": "fix-oe.testnet.binance.vision",
            "port": 9000,
            "server_name": "fix-oe.testnet.binance.vision",
            "ca_file": None,
            "sender_comp_ids": ("A", "B-_9zZ"),
            "heartbeat_s": 30,
            "message_handling": "sequential",
            "sessions": 1,
            "report_sessions": None,
            "spread": "round_robin",
            "drain_ms_max": 10_000,
            "drop_copy": False,
            "drop_copy_host": "fix-dc.testnet.binance.vision",
            "drop_copy_port": 0,
            "time_scale": 1,
            "recv_window_ms": 5000,
            "connect_timeout_ms": 5000,
            "logon_timeout_ms": 10_000,
            "logout_timeout_ms": 10_000,
        },
        "key": {
            "api_key_file": "/etc/fixengine/api_key",
            "private_key_file": "/keys/private.pem",
            "password_file": None,
            "ask_password": False,
        },
        "bus": {
            "endpoint": "ipc:///etc/fixengine/state/bus/engine",
            "link": "compiled",
            "strategies_max": 64,
            "report_buffer_max": 131_072,
            "valid_for_ms_max": 10_000,
        },
        "strategies": {"on_death": "keep", "heir": "", "grace_ms": 5000, "silence_ms_max": 0},
        "strategy": {},
        "orders": {"foreign": "ignore", "adopt_as": ""},
        "engine": {
            "state_dir": "/etc/fixengine/state",
            "unsent_bytes_max": 0,
            "orders_max": 100_000,
            "on_stop": "keep",
        },
        "tuning": {
            "cpu": None,
            "io_cpu": None,
            "idle": "block",
            "linger_us": None,
            "fifo_priority": None,
            "lock_memory": False,
            "busy_poll_us": 0,
            "tcp_user_timeout_ms": 20_000,
        },
        "limits": {
            "mode": "venue",
            "cancel_reserve_percent": 5,
            "strategy_share_percent": 50,
        },
        "journal": {
            "ring_bytes": 32 << 20,
            "durability": "process",
            "held_orders_max": 1024,
            "file_bytes_max": 256 << 20,
            "keep_bytes_max": None,
            "keep_days_max": None,
            "checkpoint_bytes": 32 << 20,
        },
        "instruments": {"check": True, "refresh_s": 3600},
        "log": {"json": False, "level": "info"},
        "sources": {
            "rest": True,
            "user_data": True,
            "host": "testnet.binance.vision",
            "port": 443,
            "stream_host": "ws-api.testnet.binance.vision",
            "stream_port": 443,
            "api_key_file": None,
            "private_key_file": None,
            "password_file": None,
            "weight_percent": 50,
            "deadline_ms": 10_000,
        },
    }
    assert config.venue.sender_comp_ids == ("A", "B-_9zZ")
    assert config.engine.state_dir == Path("/etc/fixengine/state")


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ("production", "fix-oe.binance.com"),
        ("testnet", "fix-oe.testnet.binance.vision"),
        ("demo", "demo-fix-oe.binance.com"),
    ],
)
def test_host_follows_the_environment(environment: str, host: str) -> None:
    config = parse(minimal(venue__environment=environment), PATH)
    assert (config.venue.host, config.venue.port, config.venue.server_name) == (host, 9000, host)


def test_everything_given(tmp_path: Path) -> None:
    path = tmp_path / "engine.toml"
    path.write_text(
        minimal(
            venue__environment="simulator",
            venue__host="localhost",
            venue__port=9001,
            venue__server_name="venue.local",
            venue__ca_file="sim/ca.pem",
            venue__heartbeat_s=5,
            venue__message_handling="unordered",
            key__password_file="../password",
            bus__endpoint="ipc://bus/sock",
            tuning__cpu=1,
            limits__mode="off",
            journal__ring_bytes=1 << 20,
            log__json=True,
        )
    )
    config = load(path)
    assert config.venue.server_name == "venue.local"
    assert config.venue.ca_file == tmp_path / "sim" / "ca.pem"
    assert config.key.password_file == tmp_path / "../password"
    assert config.bus.endpoint == f"ipc://{tmp_path}/bus/sock"
    assert (config.tuning.cpu, config.limits.mode, config.log.json) == (1, "off", True)


def test_relative_name_of_the_file_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "engine.toml").write_text(MINIMAL)
    monkeypatch.chdir(tmp_path)
    assert load(Path("engine.toml")).engine.state_dir == tmp_path / "state"


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/trader")
    config = parse(minimal(engine__state_dir="~/state"), PATH)
    assert config.engine.state_dir == Path("/home/trader/state")
    message = error_of(minimal(engine__state_dir="~nobody-here/state"))
    assert message.startswith("engine.state_dir: expected the name of a file or directory; there")


WRONG = [
    ({"venue__heartbeat_s": "fast"}, 'venue.heartbeat_s: expected an integer 5..60, got "fast"'),
    ({"venue__heartbeat_s": 4}, "venue.heartbeat_s: expected an integer 5..60, got 4"),
    ({"venue__heartbeat_s": 61}, "venue.heartbeat_s: expected an integer 5..60, got 61"),
    ({"venue__heartbeat_s": 30.0}, "venue.heartbeat_s: expected an integer 5..60, got 30.0"),
    ({"venue__heartbeat_s": True}, "venue.heartbeat_s: expected an integer 5..60, got true"),
    (
        {"venue__heartbeat_s": 10**30},
        "venue.heartbeat_s: expected an integer 5..60, got a larger number",
    ),
    ({"venue__port": 0}, "venue.port: expected an integer 1..65535, got 0"),
    ({"venue__recv_window_ms": 60_001}, "venue.recv_window_ms: expected an integer 1..60000, got"),
    ({"venue__name": "binance"}, 'venue.name: expected "binance-spot", got "binance"'),
    (
        {"venue__environment": "live"},
        'venue.environment: expected "simulator", "testnet", "demo" or "production", got "live"',
    ),
    ({"venue__environment": None}, 'venue.environment: missing; expected "simulator", "testnet",'),
    ({"venue__host": "a b"}, 'venue.host: expected a host name or address, got "a b"'),
    ({"venue__host": "x" * 254}, "venue.host: expected a host name or address, got"),
    ({"venue__server_name": "é"}, "venue.server_name: expected a host name or address, got"),
    (
        {"venue__host": "fix-oe.binance.com"},
        'venue.host: this is the host of "production", but environment is "testnet"',
    ),
    ({"venue__host": "FIX-OE.binance.com."}, 'venue.host: this is the host of "production", but'),
    ({"venue__environment": "simulator"}, "venue.ca_file: missing; expected the simulator's ca.p"),
    (
        {"venue__sender_comp_ids": ["A"]},
        "venue.sender_comp_ids: expected a list of 2..64 different ids, each 1 to 8 of"
        ' a-z A-Z 0-9 - _, got ["A"]',
    ),
    ({"venue__sender_comp_ids": ["A", "A"]}, "venue.sender_comp_ids: expected a list of 2..64"),
    ({"venue__sender_comp_ids": ["A", "123456789"]}, "venue.sender_comp_ids: expected a list"),
    ({"venue__sender_comp_ids": ["A", ""]}, "venue.sender_comp_ids: expected a list"),
    ({"venue__sender_comp_ids": ["A", "B\n"]}, "venue.sender_comp_ids: expected a list"),
    ({"venue__sender_comp_ids": ["A", 7]}, "venue.sender_comp_ids: expected a list"),
    ({"venue__sender_comp_ids": "A,B"}, "venue.sender_comp_ids: expected a list"),
    (
        {"venue__sender_comp_ids": [f"A{n}" for n in range(65)]},
        "venue.sender_comp_ids: expected a list",
    ),
    ({"venue__message_handling": 2}, 'venue.message_handling: expected "sequential" or "unorder'),
    ({"venue__sessions": 10}, "venue.sessions: expected an integer 1..9, got 10"),
    (
        {"venue__sessions": 2},
        "venue.sender_comp_ids: expected at least 3 ids, one more than sessions"
        " (venue.sessions is 2), got 2",
    ),
    (
        {"venue__drop_copy": True},
        "venue.sender_comp_ids: expected at least 3 ids, one more than sessions"
        " (venue.sessions is 1, with venue.drop_copy), got 2",
    ),
    (
        {"venue__report_sessions": 0, "sources__user_data": False},
        "venue.report_sessions: 0 needs venue.drop_copy = true, or the user data stream",
    ),
    (
        {"venue__report_sessions": 2},
        "venue.report_sessions: expected at most venue.sessions, 1, got 2",
    ),
    ({"venue__report_sessions": 10}, "venue.report_sessions: expected an integer 0..9, not"),
    ({"venue__spread": "random"}, 'venue.spread: expected "round_robin" or "symbol", got'),
    (
        {"venue__drop_copy_host": "fix-dc.binance.com"},
        'venue.drop_copy_host: this is the host of "production", but environment is "testnet"',
    ),
    (
        {
            "venue__drop_copy": True,
            "venue__sender_comp_ids": ["A", "B", "C"],
            "venue__host": "Tunnel.",
            "venue__drop_copy_host": "tunnel",
        },
        "venue.drop_copy_port: expected another place than that of order entry, Tunnel.:9000, where"
        " no drop copy can log on; give it a port or a drop_copy_host",
    ),
    ({"venue__ca_file": ""}, 'venue.ca_file: expected the name of a file or directory, got ""'),
    ({"venue__ca_file": 5}, "venue.ca_file: expected the name of a file or directory, got 5"),
    ({"key__api_key_file": None}, "key.api_key_file: missing; expected the name of a file or"),
    ({"key__ask_password": "yes"}, "key.ask_password: expected true or false, got str"),
    (
        {"key__ask_password": True, "key__password_file": "p"},
        "key.ask_password: expected this or key.password_file, not both",
    ),
    ({"orders__foreign": "adopt"}, "orders.adopt_as: expected a strategy's name, 1..32 charac"),
    (
        {
            "orders": {"foreign": "adopt", "adopt_as": "x"},
            "strategy": {"y": {"token_file": "y"}},
        },
        "orders.adopt_as: expected a strategy with a token_file; there is no [strategy.x]",
    ),
    ({"orders__adopt_as": "x"}, 'orders.adopt_as: expected orders.foreign = "adopt" beside it'),
    (
        {"orders__foreign": "cancel", "sources__rest": False},
        'orders.foreign: "cancel" needs REST (sources.rest, sources.port)',
    ),
    (
        {"key__ask_password": True, "sources__rest": False},
        "key.ask_password: the process of REST and stream has no terminal; give key.password_file",
    ),
    ({"bus__endpoint": "tcp://*:5555"}, "bus.endpoint: expected ipc://PATH, the path of at most"),
    ({"bus__endpoint": "ipc://"}, "bus.endpoint: expected ipc://PATH"),
    ({"bus__endpoint": "ipc://@abstract"}, "bus.endpoint: expected ipc://PATH"),
    ({"bus__endpoint": "ipc://*"}, "bus.endpoint: expected ipc://PATH"),
    ({"bus__endpoint": "ipc:///" + "x" * 107}, "bus.endpoint: expected ipc://PATH"),
    ({"bus__endpoint": 5}, "bus.endpoint: expected ipc://PATH"),
    ({"engine__state_dir": "/" + "x" * 100}, "bus.endpoint: expected ipc://PATH"),
    ({"bus__valid_for_ms_max": 0}, "bus.valid_for_ms_max: expected an integer 1..60000, got 0"),
    ({"tuning__cpu": -1}, "tuning.cpu: expected an integer 0..4095, got -1"),
    ({"tuning__linger_us": -1}, "tuning.linger_us: expected an integer 0..10000, got -1"),
    ({"tuning__fifo_priority": 0}, "tuning.fifo_priority: expected an integer 1..99, got 0"),
    ({"tuning__idle": "rest"}, 'tuning.idle: expected "block" or "spin", got "rest"'),
    (
        {"tuning__linger_us": 50, "tuning__fifo_priority": 1},
        "tuning.linger_us: expected 0 beside fifo_priority: a thread that never waits",
    ),
    (
        {"tuning__idle": "spin", "tuning__fifo_priority": 1},
        'tuning.fifo_priority: expected idle = "block" beside it: a thread that never waits',
    ),
    (
        {"tuning__idle": "spin", "tuning__cpu": 1, "tuning__io_cpu": 1},
        'tuning.io_cpu: expected idle = "block" beside it, or another core than cpu',
    ),
    ({"engine__cpu": 1}, "engine.cpu: expected in section [tuning]"),
    ({"engine__state_dir": "a\0b"}, "engine.state_dir: expected the name of a file or directory"),
    (
        {"limits__mode": "off"},
        'limits.mode: expected "venue"; "off" is for the simulator, the venue ends such a session',
    ),
    ({"venue__time_scale": 2}, "venue.time_scale: expected 1; another time scale is for the sim"),
    ({"limits__cancel_reserve_percent": 4}, "limits.cancel_reserve_percent: expected an integer 5"),
    (
        {"journal__ring_bytes": (1 << 20) + 8},
        "journal.ring_bytes: expected a power of two from 1048576 to 1073741824, got 1048584",
    ),
    ({"journal__ring_bytes": 4096}, "journal.ring_bytes: expected a power of two from 1048576"),
    ({"log__level": "loud"}, 'log.level: expected "debug", "info", "warning" or "error", got'),
    # Names that are unknown.
    ({"venue__heartbeat": 30}, "venue.heartbeat: unknown key; did you mean heartbeat_s?"),
    ({"venue__state_dir": "x"}, "venue.state_dir: expected in section [engine]"),
    ({"log__colour": "x"}, "log.colour: unknown key; expected one of json, level"),
    ({"engin__cpu": 1}, "engin: unknown section; did you mean engine?"),
    (
        {"sources__api_key_file": "read"},
        "sources.private_key_file: missing; sources.api_key_file needs it",
    ),
    ({"sources__password_file": "x" * 50}, "sources.password_file: this looks like the secret"),
    ({"sources__host": "api.binance.com"}, 'sources.host: this is the host of "production", but'),
    ({"sources__stream_host": "a b"}, "sources.stream_host: expected a host name or address"),
    ({"sources__weight_percent": 101}, "sources.weight_percent: expected an integer 1..100"),
    ({"strategy__x": 1}, "strategy.x: expected a table, written [strategy.x]"),
    ({"strategy": {"a b": {}}}, "strategy.a b: expected a name of 1..32 characters of a-z"),
    ({"strategy": {"a": {"on_deat": "keep"}}}, "strategy.a.on_deat: unknown key; did you mean"),
    (
        {"strategy": {"a": {"on_death": "die"}}},
        'strategy.a.on_death: expected "keep", "cancel" or "hand_over"',
    ),
    (
        {"strategy": {"a": {"on_death": "hand_over"}}},
        'strategy.a.heir: expected, with on_death = "hand_over", the name of a strategy',
    ),
    (
        {"strategies": {"on_death": "hand_over", "heir": "b"}},
        "strategy.b.on_death: b would hand over too",
    ),
    (
        {"strategy": {"a": {"on_death": "hand_over", "heir": "a"}}},
        "strategy.a.on_death: a would hand over too",
    ),
    (
        {"strategy": {"a": {"on_death": "hand_over", "heir": "b", "token_file": "t"}}},
        "strategy.a.heir: b has no token_file",
    ),
    (
        {"engine": {"state_dir": "state", "on_stop": "ask"}},
        'engine.on_stop: expected "keep" or "cancel"',
    ),
    ({"strategy": {"a": {"grace_ms": -1}}}, "strategy.a.grace_ms: expected an integer 0..3600000"),
    ({"strategies__silence_ms_max": 2999}, "strategies.silence_ms_max: expected 0, or an integer"),
    ({"strategy": {"a": {"silence_ms_max": 1}}}, "strategy.a.silence_ms_max: expected 0, or an"),
    (
        {"strategy": {"a": {"token_file": "t"}, "b": {}}},
        "strategy.b.token_file: missing; where one strategy has a token, all need theirs",
    ),
    ({"strategy": {"a": {"token_file": "f" * 64}}}, "strategy.a.token_file: this looks like the"),
    ({"strategy": {"a": {"token_file": 7}}}, "strategy.a.token_file: expected the name of a file"),
]


@pytest.mark.parametrize(("changes", "text"), WRONG, ids=lambda value: str(value)[:40])
def test_wrong_value_names_key_and_what_was_expected(changes: dict[str, Any], text: str) -> None:
    assert error_of(minimal(**changes)).startswith(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("venue = 3", "venue: expected a table, written [venue]"),
        ("heartbeat_s = 3", "heartbeat_s: expected in section [venue]"),
        ("[venue", "not TOML: "),
        ("[venue]\n[venue]", "not TOML: "),
        ("a = " + "[" * 5000, "not TOML: nested too deeply"),
        ("a = " + "9" * 5000, "not TOML: "),
        ('"a\\nb" = 1', "'a\\nb': unknown section"),
        ("", "venue.environment: missing"),
    ],
)
def test_wrong_text(text: str, message: str) -> None:
    assert error_of(text).startswith(message)


def test_tcp_is_refused_with_the_reason() -> None:
    message = error_of(minimal(bus__endpoint="tcp://127.0.0.1:5555"))
    assert "tcp would let others place orders" in message


# --- secrets --------------------------------------------------------------------------------

SECRET = "sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("key__api_key", "api_key_file"),
        ("key__API-KEY", "api_key_file"),
        ("key__private_key", "private_key_file"),
        ("key__password", "password_file"),
        ("venue__secret", "api_key_file"),
        ("key__token", "api_key_file"),
    ],
)
def test_secret_as_a_value_is_refused_and_not_repeated(name: str, file: str) -> None:
    message = error_of(minimal(**{name: SECRET}))
    assert message.startswith(
        f"{name.replace('__', '.')}: a secret does not belong here; put it into a file of mode 0600"
    )
    assert message.endswith(f"key.{file}")
    assert SECRET not in message


def test_secret_beside_the_sections() -> None:
    message = error_of(f'api_key = "{SECRET}"\n' + MINIMAL)
    assert message.startswith("api_key: a secret does not belong here")


@pytest.mark.parametrize(
    "secret", [SECRET, "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n"]
)
def test_secret_in_place_of_its_file_is_not_repeated(secret: str) -> None:
    for name in ("api_key_file", "private_key_file", "password_file"):
        message = error_of(minimal(**{f"key__{name}": secret}))
        assert message.startswith(f"key.{name}: this looks like the secret itself; put it into")
        assert secret[:20] not in message
        assert SECRET not in error_of(minimal(**{f"key__{name}": [SECRET]}))


# --- files ----------------------------------------------------------------------------------


def test_file_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "engine.toml"
    with pytest.raises(ConfigError, match=r"engine\.toml: cannot be read: No such file"):
        load(path)
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(ConfigError, match=f"{other}: expected a regular file"):
            load(other)
    path.write_bytes(b"[venue]\nname = '\xff'")
    with pytest.raises(ConfigError, match=r"engine\.toml: expected UTF-8 text; byte 16 is none"):
        load(path)
    path.write_bytes(b"#" * (1 << 20) + b"#")
    with pytest.raises(ConfigError, match="larger than 1048576 bytes"):
        load(path)


@given(st.text(max_size=200))
def test_any_text_gives_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text, PATH)


values = st.one_of(
    st.integers(-(10**20), 10**20),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=20),
    st.lists(st.integers(0, 9), max_size=3),
)
keys = [
    f"{section}__{name}"
    for section, kind in SECTIONS.items()
    for name in (field.name for field in msgspec.structs.fields(kind))
]


@given(st.sampled_from(keys), values)
def test_any_value_is_taken_or_named(name: str, value: Any) -> None:
    try:
        config = parse(minimal(**{name: value}), PATH)
    except ConfigError as error:
        # A bad state directory shows in what follows from it.
        section = name.partition("__")[0]
        assert f": {section}." in str(error) or ": bus.endpoint: " in str(error)  # noqa: PT017
    else:
        assert isinstance(config, Config)


# --- the listing ----------------------------------------------------------------------------


def test_listing_is_a_configuration_with_every_key() -> None:
    text = describe()
    config = parse(text, PATH)
    assert config.venue.environment == "testnet"
    assert max(map(len, text.splitlines())) <= 100
    uncommented = []
    for line in text.splitlines():
        name, _, value = line.removeprefix("# ").partition(" =")
        if line.startswith("# ") and name.isidentifier() and value:
            uncommented.append(line.removeprefix("# "))
        elif not line.startswith("#"):
            uncommented.append(line)
    # Every default is given as text that means the default.
    assert parse("\n".join(uncommented), PATH) == config
    for section, kind in SECTIONS.items():
        assert f"\n[{section}]\n" in "\n" + text
        for field in msgspec.structs.fields(kind):
            assert f"\n{field.name} =" in text or f"\n# {field.name} =" in text


def test_ranges_are_the_venue_s() -> None:
    assert (BINANCE_SPOT.heartbeat_s_min, BINANCE_SPOT.heartbeat_s_max) == (5, 60)
    assert (ORDER_ENTRY.port, BINANCE_SPOT.recv_window_ms_max) == (9000, 60_000)


def test_effective_can_be_written_as_json() -> None:
    text = json.dumps(effective(parse(MINIMAL, PATH)))
    assert "private.pem" in text
    assert os.fspath(PATH.parent) in text


def test_what_a_strategy_s_section_leaves_out_holds_for_all() -> None:
    own = {"grace_ms": 0, "on_death": "keep"}
    config = parse(
        minimal(
            strategies__on_death="cancel", strategies__silence_ms_max=9000, strategy={"a": own}
        ),
        PATH,
    )
    assert config.of_strategy("b") == config.strategies
    rule = config.of_strategy("a")
    assert (rule.on_death, rule.grace_ms, rule.silence_ms_max) == ("keep", 0, 9000)


def test_who_hears_of_fills_by_default() -> None:
    many = minimal(venue__sender_comp_ids=[f"A{n}" for n in range(9)], venue__sessions=5)
    assert parse(many, PATH).venue.reporting == 2
    assert parse(MINIMAL, PATH).venue.reporting == 1
    blind = {"venue__drop_copy": True, "venue__report_sessions": 0}
    told = minimal(venue__sender_comp_ids=["A", "B", "C"], **blind)
    assert parse(told, PATH).venue.reporting == 0
    # Of testnet the place of the user data stream is known.
    assert parse(minimal(venue__report_sessions=0), PATH).venue.reporting == 0


def test_where_the_drop_copy_is() -> None:
    venue = parse(MINIMAL, PATH).venue
    host = "fix-dc.testnet.binance.vision"
    assert venue.drop_copy_place == (host, 9000, host)
    simulator = {"environment": "simulator", "ca_file": "ca", "port": 7, "server_name": "x"}
    changes = {f"venue__{name}": value for name, value in simulator.items()}
    venue = parse(minimal(**changes), PATH).venue
    assert venue.drop_copy_place == venue.order_entry == ("127.0.0.1", 7, "x")
    changes |= {"venue__drop_copy": True, "venue__sender_comp_ids": ["A", "B", "C"]}
    with pytest.raises(ConfigError, match=r"expected another place .* 127\.0\.0\.1:7, where"):
        parse(minimal(**changes), PATH)
    venue = parse(minimal(**changes, venue__drop_copy_port=8), PATH).venue
    assert venue.drop_copy_place == ("127.0.0.1", 8, "x")


@pytest.mark.parametrize(
    ("environment", "rest", "stream"),
    [
        ("production", "api.binance.com", "ws-api.binance.com"),
        ("testnet", "testnet.binance.vision", "ws-api.testnet.binance.vision"),
        ("demo", "demo-api.binance.com", "demo-ws-api.binance.com"),
    ],
)
def test_where_the_second_sources_are(environment: str, rest: str, stream: str) -> None:
    config = parse(minimal(venue__environment=environment), PATH)
    assert config.rest_place == (rest, 443, rest)
    assert config.stream_place == (stream, 443, stream)
    config = parse(minimal(sources__rest=False, sources__user_data=False), PATH)
    assert (config.rest_place, config.stream_place) == (None, None)


def test_the_simulator_s_sources_need_their_port() -> None:
    simulator = {"venue__environment": "simulator", "venue__ca_file": "ca.pem"}
    simulator["venue__server_name"] = "fix-oe.simulator"
    config = parse(minimal(**simulator), PATH)
    assert (config.rest_place, config.stream_place) == (None, None)
    config = parse(minimal(**simulator, sources__port=9443), PATH)
    assert config.rest_place == config.stream_place == ("127.0.0.1", 9443, "fix-oe.simulator")


def test_the_second_sources_may_have_a_key_of_their_own() -> None:
    config = parse(MINIMAL, PATH)
    assert config.sources_key is config.key
    files = {"sources__api_key_file": "read", "sources__private_key_file": "read.pem"}
    key = parse(minimal(**files, sources__password_file="word"), PATH).sources_key
    assert [str(path) for path in (key.api_key_file, key.private_key_file, key.password_file)] == [
        "/etc/fixengine/read",
        "/etc/fixengine/read.pem",
        "/etc/fixengine/word",
    ]
    assert not key.ask_password
