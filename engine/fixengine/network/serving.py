"""Runs the network process on this machine's event loop: its descriptors, signals and garbage.

asyncio appears here, in connector, transport, control and in the doors to other processes only.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from typing import Any

from fixengine.network.bus import Bus
from fixengine.network.garbage import Garbage
from fixengine.network.gone import Gone, Place
from fixengine.network.journal import Journal
from fixengine.network.process import Process
from fixengine.network.state import StateDir
from fixengine.network.turned_away import TurnedAway
from fixengine.network.watch import Watch

CLOSE_S = 2.0
WITHOUT_SOCKET = (
    "strategies that are connected trade on, and none can connect any more; if it was moved, move"
    " it back, else start the engine anew when it may stop"
)
WITHOUT_JOURNAL = (
    "trading goes on, but what is recorded may be lost, and the next run would know neither open"
    " orders nor ids; if it was moved, move it back, else end what is open and start the engine"
    " anew"
)


async def run(engine: Process, state: StateDir) -> int:
    """Start every room, trade until told to end, stop in order; the exit status."""
    try:
        # Nothing of what is taken over is garbage, and looking for some takes as long again.
        gc.disable()
        engine.start(state)
        return await _serve(engine, state)
    finally:
        engine.close()


async def _serve(engine: Process, state: StateDir) -> int:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    engine.ended = ended.set

    def on_defect(_: object, context: dict[str, Any]) -> None:
        engine.on_defect(context.get("exception"), context["message"])

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, engine.stop)
    loop.set_exception_handler(on_defect)

    def heed(heeds: bool) -> None:
        if heeds:
            loop.add_reader(engine.bus.fd, engine.on_bus)
        else:
            loop.remove_reader(engine.bus.fd)

    engine.heed = heed
    heed(True)
    garbage = Garbage()
    engine.on_quiet = lambda: garbage.look(engine.gateway.counter)
    ends = contextlib.ExitStack()
    if isinstance(bus := engine.bus, Bus):
        # Another world's is no socket.
        engine.log(*bus.standing)
        ends.callback(TurnedAway(lambda: bus.turned_away, loop, engine.log).close)
        journal_dir = state.path / "journal"
        places = (
            Place(bus.path, "bus", "the bus's socket", WITHOUT_SOCKET),
            Place(journal_dir, "journal", "the journal's directory", WITHOUT_JOURNAL),
        )
        ends.callback(Gone(places, loop, engine.log, engine.gone).close)
    ends.callback(garbage.close)
    try:
        engine.on_timer()
        # The bus may have become readable before its descriptor was watched.
        loop.call_soon(engine.on_bus)
        if isinstance(engine.journal, Journal):
            # Another world's has no process behind it.
            rooms = engine.journal, loop, engine.log, engine.on_timer, engine.on_mark
            watch = Watch(*rooms, holds=engine.gateway.held.orders_max > 0)
            ends.callback(watch.close)
        await ended.wait()
        assert engine.status is not None, "it is what has ended"
        return engine.status
    finally:
        ends.close()
        heed(False)
        engine.heed = lambda heeds: None
        engine.rest()
        await engine.connector.close(CLOSE_S)
