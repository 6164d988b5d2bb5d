"""`fixengine check`: whether a configuration would work, found out without trading.

Each step builds on the one before; the first that fails ends the check and says what to do. The
last but one logs on under the first free SenderCompID and logs out again, for order entry and,
where it is configured, for drop copy; each trades nothing but counts as a connection attempt at the
venue. The last asks REST for the time and the account.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import uvloop

from fixengine import wire
from fixengine.fix.keys import KeyFileError, Signer, load
from fixengine.fix.logon import Initiator
from fixengine.fix.session import Session
from fixengine.fix.states import Happening
from fixengine.fix.venue import Sender
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.network.bus import Bus, BusError
from fixengine.network.config import Config, ConfigError
from fixengine.network.host import harden
from fixengine.network.journal import JournalError
from fixengine.network.sessions import RESTS, attempt_free_ns, window_full
from fixengine.network.slot import CARRIES_ORDERS, DROP_COPY
from fixengine.network.state import StateDir, StateError
from fixengine.network.transport import ConnectError, TlsTransport, connect, tls_context
from fixengine.network.tuning import System, tune

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000


class Step(NamedTuple):
    """One finding. ok False ends the check."""

    name: str
    ok: bool
    text: str


class LogonTrial:
    """Connects, logs on and logs out; nothing else is sent. `run` answers the finding.

    comp_id_free: after a failure, whether the venue holds nothing against the SenderCompID.
    """

    def __init__(
        self, config: Config, api_key: str, signer: Signer, comp_id: str, role: str
    ) -> None:
        venue = config.venue
        self._venue = venue
        self._role = role
        self._place = venue.order_entry if role == CARRIES_ORDERS else venue.drop_copy_place
        self._session = Session(
            BINANCE_SPOT,
            Sender.CLIENT,
            Initiator(
                api_key,
                signer.sign,
                heart_bt_int=venue.heartbeat_s,
                message_handling=2 if venue.message_handling == "sequential" else 1,
                response_mode=1 if role == CARRIES_ORDERS else None,
                more=BINANCE_SPOT.profiles[role].logon,
            ),
            client_comp_id=comp_id,
            logon_timeout_ns=venue.logon_timeout_ms * MILLISECOND_NS,
            logout_timeout_ns=venue.logout_timeout_ms * MILLISECOND_NS,
            offset_ns=time.time_ns() - time.monotonic_ns(),
        )
        self._framer = wire.Framer()
        self._protocol = TlsTransport(self._framer, self._on_bytes, self._on_lost)
        self._finding: Step | None = None
        self._progress = asyncio.Event()
        self._uuid = ""
        self.comp_id_free = False

    async def run(self) -> Step:
        """The finding: a failed "connect", or "logon"."""
        venue = self._venue
        timeout_s = venue.connect_timeout_ms / 1000
        try:
            context = tls_context(venue.ca_file)
            place = self._place
            await connect(
                self._protocol, place.host, place.port, context, place.server_name, timeout_s
            )
        except ConnectError as problem:
            return Step("connect", False, str(problem))
        self._session.connected(time.monotonic_ns())
        self._settle()
        while self._finding is None:
            wait_s = ((self._session.deadline or 0) - time.monotonic_ns()) / SECOND_NS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._progress.wait(), max(0.0, wait_s))
            self._progress.clear()
            self._session.tick(time.monotonic_ns())
            self._settle()
        return self._finding

    def _on_bytes(self) -> None:
        now = time.monotonic_ns()
        try:
            for message in self._framer:
                self._session.receive(message, now)
        except wire.RemoteProtocolError as problem:
            self._session.fail(f"framing lost: {problem}", now)
        self._settle()
        self._progress.set()

    def _on_lost(self, reason: str) -> None:
        self._session.closed(time.monotonic_ns(), reason)
        self._settle()
        self._progress.set()

    def _settle(self) -> None:
        for event in self._session.take_events():
            if event.kind is Happening.LOGGED_ON:
                self._uuid = event.text
                self._session.logout("check is done", time.monotonic_ns())
            elif event.kind is Happening.LOGGED_OUT:
                name = self._session.client_comp_id
                what = "" if self._role == CARRIES_ORDERS else "drop copy "
                text = f"{what}as {name}, served by {self._uuid}; logged out in order"
                self._finding = Step("logon", event.clean, text)
            elif event.kind in (Happening.LOST, Happening.LOGON_REFUSED):
                # A refusal with a code leaves nothing behind at the venue.
                self.comp_id_free = event.code is not None
                code = "" if event.code is None else f" ({event.code})"
                self._finding = Step("logon", False, f"{event.text}{code}")
        for frame in self._session.take_output():
            self._protocol.write(frame)
        if self._session.close_requested:
            self._protocol.close()


def check(config: Config, show: Callable[[Step], None], offline: bool) -> bool:
    """Every step in order, each shown as it is known; whether all went well.

    offline: leave out what touches the network.
    """

    def say(name: str, ok: bool, text: str) -> bool:
        show(Step(name, ok, text))
        return ok

    try:
        harden()
        say("config", True, f"{config.venue.host}:{config.venue.port}, {config.venue.name}")
        granted = _check_tuning(config, show)
        api_key, signer = load(config.key)
        say("key", True, "API key and Ed25519 private key can be read")
        with StateDir(Path(config.engine.state_dir)) as state:
            say("state", True, f"{config.engine.state_dir} is ours and not in use")
            Bus(config.bus.endpoint).close()
            say("bus", True, f"{config.bus.endpoint} can be bound")
            if offline:
                return granted
            roles = [CARRIES_ORDERS, DROP_COPY] if config.venue.drop_copy else [CARRIES_ORDERS]
            if not all(_check_logon(config, api_key, signer, state, role, show) for role in roles):
                return False
        return _check_rest(config, api_key, signer, show) and granted
    except ConfigError as problem:
        return say("config", False, str(problem))
    except KeyFileError as problem:
        return say("key", False, str(problem))
    except (StateError, JournalError) as problem:
        return say("state", False, str(problem))
    except BusError as problem:
        return say("bus", False, str(problem))


def _check_tuning(config: Config, show: Callable[[Step], None]) -> bool:
    """Whether the system grants all that is asked. A refusal ends nothing: see `tune`."""
    options = tune(config.tuning, System(), config.bus.link == "plain").options
    for option in options:
        show(Step("tuning", not option.refused, str(option)))
    return not any(option.refused for option in options)


def next_attempt(config: Config, state: StateDir, wall: int, now: int) -> tuple[str, int, str]:
    """The SenderCompID that is free first, in how many ns it may connect, and what that waits for.

    wall, now: the two clocks, ns. Where nothing is waited for the answer is not above 0.
    """
    until = {name: state.locked_until(name, wall) for name in config.venue.sender_comp_ids}
    comp_id = min(until, key=until.__getitem__)
    attempts = BINANCE_SPOT.profiles["order_entry"].limits.connection_attempts
    wait_ns = attempt_free_ns(state.attempts(now), attempts) - now
    rest_ns = until[comp_id] - wall
    return comp_id, *max((wait_ns, window_full(attempts)), (rest_ns, RESTS))


def _check_logon(
    config: Config,
    api_key: str,
    signer: Signer,
    state: StateDir,
    role: str,
    show: Callable[[Step], None],
) -> bool:
    wall, now = time.time_ns(), time.monotonic_ns()
    comp_id, wait_ns, why = next_attempt(config, state, wall, now)
    if wait_ns > 0:
        show(Step("logon", False, f"{why}; try again in {-(-wait_ns // SECOND_NS)} s"))
        return False
    state.attempt(now + config.venue.connect_timeout_ms * MILLISECOND_NS)
    state.mark_in_use(comp_id, config.venue.heartbeat_s, wall)
    trial = LogonTrial(config, api_key, signer, comp_id, role)
    step = uvloop.run(trial.run())
    if step.ok or step.name == "connect" or trial.comp_id_free:
        state.clear(comp_id)
    show(step)
    return step.ok


def _check_rest(config: Config, api_key: str, signer: Signer, show: Callable[[Step], None]) -> bool:
    if config.rest_place is None:
        return True
    if config.sources_key is not config.key:
        api_key, signer = load(config.sources_key)
    step = asyncio.run(_ask_rest(config, api_key, signer))
    show(step)
    return step.ok


async def _ask_rest(config: Config, api_key: str, signer: Signer) -> Step:
    """The finding: what REST says of time and account."""
    # Loads an HTTP client, which nothing else here needs.
    from fixengine.network.sources import asks
    from fixengine.network.sources.answers import Account, Answer
    from fixengine.network.sources.worker import make_rest

    try:
        rest = make_rest(config, api_key, signer, tls_context(config.venue.ca_file))
    except ConnectError as problem:
        return Step("rest", False, str(problem))
    place = config.rest_place
    assert rest is not None
    assert place is not None
    rows: list[Answer] = []
    async with rest:
        for ask in (asks.time(), asks.account()):
            async for page in rest.pages(ask):
                if page.problem is not None:
                    return Step("rest", False, page.problem.text)
                rows += page.rows
    skew_ms = -rest.offset_ns // MILLISECOND_NS
    may_trade = any(isinstance(row, Account) and row.can_trade for row in rows)
    balances = len(rows) - 2
    return Step(
        "rest",
        True,
        f"{place.host}:{place.port}, our clock {skew_ms:+d} ms;"
        f" account may {'' if may_trade else 'not '}trade, balances in {balances} assets;"
        f" weight {rest.budget.used} of {rest.budget.window.count_max} used",
    )
