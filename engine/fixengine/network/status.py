"""How a running engine stands, read out of its rooms piece by piece. Nothing is changed by it.

What takes long to tell is not told at once: each piece is some tens of microseconds, so that an
order that comes meanwhile waits no longer than that; see control.py. Latency is not among it: it
lies in shared memory (latency_file.py), where whoever asks reads it without us.

Of times, `_ms` count from now; numbers of bytes and events are of now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fixengine import __version__
from fixengine.network.bus import Bus
from fixengine.network.control import Piece
from fixengine.network.journal import Journal
from fixengine.network.line import Line
from fixengine.network.process import Process
from fixengine.network.slot import Leg, Slot
from fixengine.network.strategies import Strategy
from fixengine.network.tuning import Option

MILLISECOND_NS = 1_000_000
STRATEGIES_PER_PIECE = 16


def pieces(engine: Process, options: Sequence[Option], pid: int, now: int) -> Iterator[Piece]:
    """All there is to tell of an engine that has started. options: what was asked of the system.
    now: the monotonic clock, ns, when it was asked.
    """
    gateway = engine.gateway
    yield "engine", _engine(engine, pid, now)
    yield "recovery", _recovery(engine)
    yield "journal", _journal(engine)
    yield "tuning", [option._asdict() for option in options]
    yield "limits", [used._asdict() for used in gateway.limits.used(now)]
    sessions = engine.sessions
    yield "sessions", []
    for slot in sessions.slots:
        # A hand-over may end while the loop goes on.
        for leg in list(slot.legs):
            yield "sessions", [_session(engine, slot, leg, now)]
        if slot.leg is None:
            yield "sessions", [_waiting(engine, slot, now)]
    yield "strategies", []
    strategies = list(engine.strategies.by_number.values())
    for start in range(0, len(strategies), STRATEGIES_PER_PIECE):
        some = strategies[start : start + STRATEGIES_PER_PIECE]
        yield "strategies", [_strategy(engine, one, now) for one in some]


def _engine(engine: Process, pid: int, now: int) -> dict[str, Any]:
    venue = engine.config.venue
    return {
        "version": __version__,
        "pid": pid,
        "epoch": engine.gateway.epoch,
        "time_ns": now + engine.offset_ns,
        "venue": venue.name,
        "environment": venue.environment,
        "state": engine.sessions.state.value,
        "stopping": engine.gateway.gate.stopping,
        "gone": list(engine.gone.values()),
        "bus": engine.bus.standing[1] if isinstance(engine.bus, Bus) else "",
    }


def _recovery(engine: Process) -> dict[str, Any]:
    """in_question: orders of which it is being found out how they stand. asks: whether REST is."""
    settling = engine.gateway.gate.settling
    if settling is None:
        return {"asks": False, "step": "", "in_question": 0}
    return {"asks": True, "step": settling.step.value, "in_question": settling.in_question}


def _journal(engine: Process) -> dict[str, Any]:
    """behind_bytes: not on disk yet. held: requests that wait for it to be."""
    journal, held = engine.journal, len(engine.gateway.held)
    if not isinstance(journal, Journal):
        return {"held": held}
    status = journal.status()
    return {
        "held": held,
        "healthy": status.healthy,
        "error": status.error,
        "process": status.process,
        "written_bytes": status.appended,
        "behind_bytes": status.appended - status.on_disk,
        "ring_bytes": status.ring_bytes,
        "refused": status.refused,
    }


def _session(engine: Process, slot: Slot, leg: Leg, now: int) -> dict[str, Any]:
    told = {
        "comp_id": leg.comp_id,
        "role": slot.post.role,
        "state": leg.state.value,
        "everything": slot.post.everything,
        "up_ms": None if leg.up_since_ns is None else _ms(now - leg.up_since_ns),
        "hole": leg.hole,
    }
    line = engine.gateway.lines.named(leg.comp_id)
    return told if line is None else told | _line(engine, line, now)


def _line(engine: Process, line: Line, now: int) -> dict[str, Any]:
    """clock_ms: how far our clock is ahead of the venue's."""
    lead_ns = engine.gateway.clock.lead_ns(line.lead)
    budget = line.budget
    return {
        "unsent_bytes": 0 if line.transport is None else line.transport.unsent(),
        "heard_ms": _ms(now - line.session.last_received_ns),
        "clock_ms": None if lead_ns is None else lead_ns / MILLISECOND_NS,
        "messages_used": None if budget is None else budget.used_at(now),
        "messages_max": None if budget is None else budget.count_max,
        "messages_interval_ms": None if budget is None else _ms(budget.interval_ns),
    }


def _waiting(engine: Process, slot: Slot, now: int) -> dict[str, Any]:
    """A slot that has no session."""
    due_ns = max(slot.not_before_ns, slot.told_due_ns)
    is_over = slot.is_given_up or engine.gateway.gate.stopping
    return {
        "comp_id": slot.last_comp_id,
        "role": slot.post.role,
        "state": "given_up" if slot.is_given_up else "down",
        "everything": slot.post.everything,
        "next_attempt_ms": None if is_over else max(0, _ms(due_ns - now)),
    }


def _strategy(engine: Process, strategy: Strategy, now: int) -> dict[str, Any]:
    """behind: events that were not handed over. unacknowledged: events that it has not said to
    have read, those among them. open: orders and cancels that are not over, unknown ones too.
    """
    return {
        "name": strategy.name,
        "number": strategy.number,
        "connected": strategy.peer is not None,
        "open": engine.gateway.orders.open_count(strategy.number),
        "behind": strategy.next_seq - strategy.unsent,
        "unacknowledged": strategy.next_seq - 1 - strategy.acknowledged,
        "heard_ms": _ms(now - strategy.heard_ns),
    }


def _ms(ns: int) -> int:
    return ns // MILLISECOND_NS
