"""From the text of engine.toml to a checked Config, or to one error that names the key.

A value that is a secret, or may be one, is never repeated in an error.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from fixengine.fix.venues.binance import BINANCE_SPOT, DROP_COPY, ORDER_ENTRY, WEB
from fixengine.messages import STRATEGY_NAME
from fixengine.network.config.section import Section
from fixengine.network.config.settings import (
    COMP_IDS_MAX,
    EXPECTED,
    FILE,
    SECTIONS,
    SOCKET_PATH_BYTES_MAX,
    Bus,
    Config,
    Engine,
    Instruments,
    Journal,
    Key,
    Limits,
    Log,
    Orders,
    Place,
    Sources,
    Strategies,
    Strategy,
    Venue,
    expected_text,
    names_of,
    toml,
)
from fixengine.network.config.tuning import Tuning

FILE_BYTES_MAX = 1 << 20
STRATEGY = "strategy"
SILENCE_MS_MIN = 3000
COMP_ID = re.compile(BINANCE_SPOT.comp_id_pattern)
HOST = re.compile(r"(?!.{254})(?:[A-Za-z0-9:_-]{1,63}\.)*[A-Za-z0-9:_-]{1,63}\.?")
LOCAL_HOST = "127.0.0.1"

SECRET_NAMES = {
    "private_key": "private_key_file",
    "privatekey": "private_key_file",
    "pem": "private_key_file",
    "password": "password_file",
    "passphrase": "password_file",
} | dict.fromkeys(
    ("api_key", "apikey", "key", "secret", "secret_key", "api_secret", "token"), "api_key_file"
)
LIKE_A_SECRET = re.compile(r"[A-Za-z0-9+=]{40,}|-----.*", re.DOTALL)


def is_secret(section: str, name: str) -> bool:
    """Whether what was given may be a secret in place of the name of its file."""
    return (
        section == "key"
        or name == "token_file"
        or (section == "sources" and name.endswith("_file"))
    )


class ConfigError(Exception):
    """The configuration cannot be used; one line that names file, key and what was expected."""


def load(path: Path) -> Config:
    """The configuration in a file. Raises ConfigError."""
    try:
        # A pipe or a terminal in its place must not hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"{path}: expected a regular file")
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(FILE_BYTES_MAX + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"{path}: larger than {FILE_BYTES_MAX} bytes; this is no configuration")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text; byte {error.start} is none") from None
    return parse(text, path)


def state_dir_of(path: Path) -> Path:
    """An engine's state directory, given by its engine.toml or by itself. Raises ConfigError."""
    path = path.expanduser()
    return Path(load(path).engine.state_dir) if path.is_file() else path


def parse(text: str, path: Path) -> Config:
    """The configuration in a text that came from path. Raises ConfigError."""
    try:
        given = tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not TOML: nested too deeply") from None
    return Reader(path).config(given)


T = TypeVar("T", bound=Section)


class Reader:
    """Turns the tables of one file into a Config, or into the first error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._directory = path.absolute().parent

    def config(self, given: dict[str, Any]) -> Config:
        """See `parse`."""
        for name, table in given.items():
            if name not in SECTIONS and name != STRATEGY:
                raise self._unknown("", name)
            if not isinstance(table, dict):
                raise self._error(name, f"expected a table, written [{name}]")
        venue = self._venue(self._section(Venue, "venue", given))
        key = self._section(Key, "key", given)
        if key.ask_password and key.password_file is not None:
            raise self._error("key.ask_password", "expected this or key.password_file, not both")
        if venue.time_scale > 1 and venue.environment != "simulator":
            reason = "expected 1; another time scale is for the simulator alone"
            raise self._error("venue.time_scale", reason)
        engine = self._section(Engine, "engine", given)
        limits = self._section(Limits, "limits", given)
        if limits.mode == "off" and venue.environment != "simulator":
            reason = 'expected "venue"; "off" is for the simulator, the venue ends such a session'
            raise self._error("limits.mode", reason)
        config = Config(
            venue=venue,
            key=key,
            sources=self._sources(self._section(Sources, "sources", given), venue),
            bus=self._bus(self._section(Bus, "bus", given), engine),
            strategies=self._heard("strategies", self._section(Strategies, "strategies", given)),
            strategy=self._strategy(given.get(STRATEGY, {})),
            orders=self._orders(self._section(Orders, "orders", given)),
            engine=engine,
            tuning=self._tuning(self._section(Tuning, "tuning", given)),
            limits=limits,
            instruments=self._section(Instruments, "instruments", given),
            journal=self._journal(self._section(Journal, "journal", given)),
            log=self._section(Log, "log", given),
        )
        if not venue.reporting and not venue.drop_copy and config.stream_place is None:
            reason = "0 needs venue.drop_copy = true, or the user data stream (sources.user_data"
            reason += " and sources.port); else nobody would hear of the fills of resting orders"
            raise self._error("venue.report_sessions", reason)
        if config.sources_key.ask_password and (config.rest_place or config.stream_place):
            reason = "the process of REST and stream has no terminal; give key.password_file, or in"
            reason += " [sources] another key (api_key_file, private_key_file), or turn both off"
            raise self._error("key.ask_password", f"{reason} (sources.rest, sources.user_data)")
        if config.orders.foreign != "ignore" and config.rest_place is None:
            reason = "needs REST (sources.rest, sources.port), which names the open orders"
            raise self._error("orders.foreign", f'"{config.orders.foreign}" {reason}')
        with_tokens = any(one.token_file for one in config.strategy.values())
        if with_tokens and config.orders.adopt_as and config.orders.adopt_as not in config.strategy:
            reason = f"expected a strategy with a token_file; there is no [{STRATEGY}."
            raise self._error("orders.adopt_as", f"{reason}{config.orders.adopt_as}]")
        self._check_heirs(config)
        return config

    def _check_heirs(self, config: Config) -> None:
        """Who inherits is another one, hands nothing over itself, and can come in."""
        rules = {f"{STRATEGY}.{name}": config.of_strategy(name) for name in config.strategy}
        for section, rule in {"strategies": config.strategies, **rules}.items():
            if rule.on_death != "hand_over":
                continue
            if not STRATEGY_NAME.fullmatch(rule.heir):
                reason = 'expected, with on_death = "hand_over", the name of a strategy'
                raise self._error(f"{section}.heir", reason)
            if section == f"{STRATEGY}.{rule.heir}" or (
                config.of_strategy(rule.heir).on_death == "hand_over"
            ):
                reason = f'{rule.heir} would hand over too; give it an on_death of "keep" or'
                raise self._error(f"{STRATEGY}.{rule.heir}.on_death", f'{reason} "cancel"')
            if (
                config.strategy
                and rule.heir not in config.strategy
                and (any(one.token_file is not None for one in config.strategy.values()))
            ):
                reason = f"{rule.heir} has no token_file, and without nobody is let in"
                raise self._error(f"{section}.heir", reason)

    def _strategy(self, given: dict[str, Any]) -> dict[str, Strategy]:
        """The sections [strategy.NAME]."""
        strategies = {}
        for name, table in given.items():
            section = f"{STRATEGY}.{name}"
            if not STRATEGY_NAME.fullmatch(name):
                shown = section[:60] if section.isprintable() else repr(section[:60])
                raise self._error(shown, "expected a name of 1..32 characters of a-z A-Z 0-9 - _")
            if not isinstance(table, dict):
                raise self._error(section, f"expected a table, written [{section}]")
            strategies[name] = self._heard(
                section, self._section(Strategy, section, {section: table})
            )
        without = [name for name, one in strategies.items() if one.token_file is None]
        if without and len(without) < len(strategies):
            reason = "missing; where one strategy has a token, all need theirs"
            raise self._error(f"{STRATEGY}.{without[0]}.token_file", reason)
        return strategies

    def _orders(self, orders: Orders) -> Orders:
        """A strategy's name where orders are adopted, and nowhere else."""
        name = orders.adopt_as
        if orders.foreign == "adopt" and not STRATEGY_NAME.fullmatch(name):
            raise self._wrong("orders", "adopt_as", EXPECTED["adopt_as"], name)
        if orders.foreign != "adopt" and name:
            raise self._error("orders.adopt_as", 'expected orders.foreign = "adopt" beside it')
        return orders

    def _heard(self, section: str, given: T) -> T:
        """The client's Heartbeat comes three times in the silence that is allowed."""
        silence_ms = getattr(given, "silence_ms_max", None)
        if silence_ms and silence_ms < SILENCE_MS_MIN:
            raise self._wrong(section, "silence_ms_max", EXPECTED["silence_ms_max"], silence_ms)
        return given

    def _error(self, name: str, reason: str) -> ConfigError:
        return ConfigError(f"{self._path}: {name}: {reason}")

    def _wrong(self, section: str, name: str, expected: str, value: Any) -> ConfigError:
        # What was meant to name a file of secrets may be a secret.
        got = type(value).__name__ if is_secret(section, name) else toml(value)
        return self._error(f"{section}.{name}", f"expected {expected}, got {got}")

    def _unknown(self, section: str, name: str) -> ConfigError:
        """An error for a name that is no key of a section, or ("") no section."""
        full = f"{section}.{name}" if section else name
        shown = full if full.isprintable() and len(full) <= 80 else repr(full[:80])
        wanted = SECRET_NAMES.get(name.lower().replace("-", "_"))
        if wanted is not None and name not in SECTIONS:
            return self._error(
                shown,
                "a secret does not belong here; put it into a file of mode 0600"
                f" and give that file's name as key.{wanted}",
            )
        known = list(names_of(SECTIONS.get(section, Strategy)) if section else SECTIONS)
        what = "key" if section else "section"
        if near := difflib.get_close_matches(name, known, 1):
            return self._error(shown, f"unknown {what}; did you mean {near[0]}?")
        homes = [home for home, kind in SECTIONS.items() if name in names_of(kind)]
        if homes:
            return self._error(shown, f"expected in section [{homes[0]}]")
        return self._error(shown, f"unknown {what}; expected one of {', '.join(known)}")

    def _section(self, kind: type[T], section: str, given: dict[str, Any]) -> T:
        table = given.get(section, {})
        hints = get_type_hints(kind, include_extras=True)
        for name in table:
            if name not in hints:
                raise self._unknown(section, name)
        values = {}
        for field in msgspec.structs.fields(kind):
            if field.name in table:
                values[field.name] = self._value(section, field.name, hints, table[field.name])
            elif field.default is msgspec.NODEFAULT:
                expected = expected_text(field.name, hints[field.name])
                raise self._error(f"{section}.{field.name}", f"missing; expected {expected}")
        return kind(**values)

    def _value(self, section: str, name: str, hints: dict[str, Any], given: Any) -> Any:
        hint = hints[name]
        kind = hint.__origin__
        if kind is Path or Path in get_args(kind):
            return self._file(section, name, given)
        try:
            return msgspec.convert(given, hint)
        except msgspec.ValidationError:
            raise self._wrong(section, name, expected_text(name, hint), given) from None

    def _file(self, section: str, name: str, given: Any) -> Path:
        if not isinstance(given, str) or not given or "\0" in given:
            raise self._wrong(section, name, FILE, given)
        if is_secret(section, name) and LIKE_A_SECRET.fullmatch(given):
            raise self._error(
                f"{section}.{name}",
                "this looks like the secret itself; put it into a file of mode 0600"
                " and give that file's name",
            )
        try:
            return self._directory / Path(given).expanduser()
        except RuntimeError:
            raise self._wrong(section, name, f"{FILE}; there is no such home", given) from None

    def _venue(self, venue: Venue) -> Venue:
        for name in ("host", "server_name", "drop_copy_host"):
            value = getattr(venue, name)
            if value and not HOST.fullmatch(value):
                raise self._wrong("venue", name, EXPECTED[name], value)
        ids = venue.sender_comp_ids
        sound = 2 <= len(ids) <= COMP_IDS_MAX and len(set(ids)) == len(ids)
        if not sound or not all(COMP_ID.fullmatch(comp_id) for comp_id in ids):
            raise self._wrong("venue", "sender_comp_ids", EXPECTED["sender_comp_ids"], list(ids))
        self._check_sessions(venue)
        self._check_host("venue.host", venue.host, ORDER_ENTRY.hosts, venue)
        self._check_host("venue.drop_copy_host", venue.drop_copy_host, DROP_COPY.hosts, venue)
        if venue.environment == "simulator" and venue.ca_file is None:
            reason = "expected the simulator's ca.pem: no public authority vouches for it"
            raise self._error("venue.ca_file", f"missing; {reason}")
        host = venue.host or ORDER_ENTRY.hosts.get(venue.environment, LOCAL_HOST)
        venue = msgspec.structs.replace(
            venue,
            host=host,
            server_name=venue.server_name or host,
            drop_copy_host=venue.drop_copy_host or DROP_COPY.hosts.get(venue.environment, host),
        )
        places = {_address(venue.order_entry), _address(venue.drop_copy_place)}
        if venue.drop_copy and len(places) == 1:
            reason = f"expected another place than that of order entry, {host}:{venue.port}"
            advice = "where no drop copy can log on; give it a port or a drop_copy_host"
            raise self._error("venue.drop_copy_port", f"{reason}, {advice}")
        return venue

    def _check_sessions(self, venue: Venue) -> None:
        """Enough ids for the sessions, and no more report sessions than those."""
        slots = venue.sessions + venue.drop_copy
        if len(venue.sender_comp_ids) <= slots:
            what = f"venue.sessions is {venue.sessions}"
            what += ", with venue.drop_copy" if venue.drop_copy else ""
            reason = f"expected at least {slots + 1} ids, one more than sessions ({what}), got"
            raise self._error("venue.sender_comp_ids", f"{reason} {len(venue.sender_comp_ids)}")
        if venue.reporting > venue.sessions:
            reason = f"expected at most venue.sessions, {venue.sessions}, got {venue.reporting}"
            raise self._error("venue.report_sessions", reason)

    def _sources(self, sources: Sources, venue: Venue) -> Sources:
        for name in ("host", "stream_host"):
            value = getattr(sources, name)
            if value and not HOST.fullmatch(value):
                raise self._wrong("sources", name, EXPECTED[name], value)
        self._check_host("sources.host", sources.host, WEB.hosts, venue)
        self._check_host("sources.stream_host", sources.stream_host, WEB.stream.hosts, venue)
        for name, other in (
            ("api_key_file", "private_key_file"),
            ("private_key_file", "api_key_file"),
            ("password_file", "private_key_file"),
        ):
            if getattr(sources, name) is not None and getattr(sources, other) is None:
                raise self._error(f"sources.{other}", f"missing; sources.{name} needs it")
        known = venue.environment in WEB.hosts
        host = sources.host or WEB.hosts.get(venue.environment, venue.host)
        port = sources.port or (WEB.port if known else 0)
        return msgspec.structs.replace(
            sources,
            host=host,
            port=port,
            stream_host=sources.stream_host or WEB.stream.hosts.get(venue.environment, host),
            stream_port=sources.stream_port or (WEB.stream.port if known else port),
        )

    def _check_host(self, name: str, given: str, hosts: Mapping[str, str], venue: Venue) -> None:
        """No host of another environment."""
        for environment, host in hosts.items():
            if given.lower().rstrip(".") == host and environment != venue.environment:
                reason = f'this is the host of "{environment}", but environment is'
                raise self._error(name, f'{reason} "{venue.environment}"')

    def _bus(self, bus: Bus, engine: Engine) -> Bus:
        given = bus.endpoint or f"ipc://{engine.state_dir / 'bus' / 'engine'}"
        path = given.removeprefix("ipc://")
        if path == given or not path or path[0] in "@*" or "\0" in path:
            advice = "; tcp would let others place orders" if given.startswith("tcp:") else ""
            raise self._wrong("bus", "endpoint", EXPECTED["endpoint"] + advice, given)
        path = str(self._directory / path)
        if (count := len(os.fsencode(path))) > SOCKET_PATH_BYTES_MAX:
            reason = f"expected {EXPECTED['endpoint']}; {path} has {count}"
            raise self._error("bus.endpoint", reason)
        return msgspec.structs.replace(bus, endpoint=f"ipc://{path}")

    def _tuning(self, tuning: Tuning) -> Tuning:
        if tuning.conflict is not None:
            name, reason = tuning.conflict
            raise self._error(f"tuning.{name}", reason)
        return tuning

    def _journal(self, journal: Journal) -> Journal:
        if journal.ring_bytes & (journal.ring_bytes - 1):
            raise self._wrong("journal", "ring_bytes", EXPECTED["ring_bytes"], journal.ring_bytes)
        return journal


def _address(place: Place) -> tuple[str, int]:
    """Where a place is, however it is written."""
    return place.host.lower().rstrip("."), place.port
