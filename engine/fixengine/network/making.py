"""Making the rooms of the network process from its configuration; nothing runs here."""

from __future__ import annotations

from collections.abc import Mapping

from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.desk.unfilled import Unfilled
from fixengine.fix.venue import Venue, at_scale
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.network.clock import Clock
from fixengine.network.config import Config, settings
from fixengine.network.foreign import NOBODY
from fixengine.network.gateway import Gateway
from fixengine.network.latency import Latency
from fixengine.network.limits import Limits
from fixengine.network.lines import Lines
from fixengine.network.liveness import Policy
from fixengine.network.reports import Log
from fixengine.network.sessions import Sessions
from fixengine.network.slot import CARRIES_ORDERS, posts_of
from fixengine.network.state import StateDir, StateError
from fixengine.network.strategies import Bus, RegisterError, Standing, Strategies
from fixengine.network.teller import Journal

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
CANCEL_UNSENT_BYTES = 1 << 14


def venue(config: Config) -> Venue:
    """The venue table a config names; config has checked the name."""
    return at_scale(BINANCE_SPOT, config.venue.time_scale)


def clock(config: Config, of: Venue, offset_ns: int) -> Clock:
    """The venue's clock, as far as it is known. offset_ns: our wall clock less the monotonic."""
    made = Clock(of.clock_ahead_ns_max, config.venue.recv_window_ms * MILLISECOND_NS)
    made.offset_ns = offset_ns
    return made


def strategies(
    config: Config,
    state: StateDir,
    bus: Bus,
    standings: dict[str, Standing],
    tokens: Mapping[str, bytes],
    epoch: int,
    now: int,
) -> Strategies:
    """Who may trade. standings: what the runs before this one knew of each."""
    return Strategies(
        bus,
        Numbers(state),
        epoch,
        strategies_max=config.bus.strategies_max,
        outbox_max=config.bus.report_buffer_max,
        valid_for_ms_max=config.bus.valid_for_ms_max,
        standings=standings,
        tokens=tokens,
        heartbeat_ms=lambda name: config.of_strategy(name).silence_ms_max // 3,
        now=now,
    )


def gateway(
    config: Config,
    of: Venue,
    origin: int,
    orders: Orders,
    positions: Positions,
    known: Strategies,
    journal: Journal,
    log: Log,
    told: Clock,
    epoch: int,
    latency: Latency,
) -> Gateway:
    """The two walks. told: the venue's clock."""
    power = config.journal.durability == "power"
    return Gateway(
        of,
        orders,
        positions,
        known,
        journal,
        log,
        lines=Lines(config.venue.sessions, by_symbol=config.venue.spread == "symbol"),
        clock=told,
        epoch=epoch,
        origin=origin,
        valid_for_ms_max=config.bus.valid_for_ms_max,
        unsent_bytes_max=config.engine.unsent_bytes_max,
        cancel_unsent_bytes_max=CANCEL_UNSENT_BYTES,
        limits=_limits(config, of, told, log),
        policies=_policies(config),
        otherwise=_policy(config.strategies),
        held_orders_max=config.journal.held_orders_max if power else 0,
        latency=latency,
        instruments_refresh_ns=config.instruments.refresh_s * SECOND_NS,
    )


def sessions(config: Config, of: Venue, state: StateDir, offset_ns: int, now: int) -> Sessions:
    """The control plane, with what the state directory knows of attempts and locked ids."""
    wall = now + offset_ns
    rule = config.venue
    posts = posts_of(of, rule.sessions, rule.reporting, rule.drop_copy)
    return Sessions(
        of,
        posts,
        rule.sender_comp_ids,
        rule.heartbeat_s * of.second_ns,
        drain_ns_max=rule.drain_ms_max * MILLISECOND_NS,
        locked_until_ns={
            comp_id: state.locked_until(comp_id, wall) - offset_ns
            for comp_id in rule.sender_comp_ids
        },
        attempts_ns=tuple(state.attempts(now)),
    )


class Numbers:
    """The state directory as the register of strategies."""

    def __init__(self, state: StateDir) -> None:
        self._state = state

    def strategy_number(self, name: str) -> int:
        """See Register."""
        try:
            return self._state.strategy_number(name)
        except StateError as problem:
            raise RegisterError(str(problem)) from None


def _limits(config: Config, of: Venue, told: Clock, log: Log) -> Limits:
    unfilled = None
    if config.limits.mode == "venue":
        windows = of.profiles[CARRIES_ORDERS].limits.unfilled_orders
        unfilled = Unfilled(windows, config.limits.strategy_share_percent)
    return Limits(of, told, unfilled, log)


def _policies(config: Config) -> dict[str, Policy]:
    """By strategy; that of foreign orders is among them, for nobody comes for these."""
    policies = {name: _policy(config.of_strategy(name)) for name in config.strategy}
    policies[NOBODY] = Policy(cancels=config.orders.foreign == "cancel", grace_ns=0)
    return policies


def _policy(rule: settings.Strategies) -> Policy:
    grace_ns, silence_ns_max = rule.grace_ms * MILLISECOND_NS, rule.silence_ms_max * MILLISECOND_NS
    heir = rule.heir if rule.on_death == "hand_over" else ""
    return Policy(rule.on_death == "cancel", grace_ns, silence_ns_max, heir)
