"""What a message costs the walk when very much is open, or very many trade; and what is kept.

The walk is the engine's own, between ends in memory that keep nothing: a request or a report goes
in as bytes and comes out as bytes, journalled on the way. Rounds of the two sides of a ratio take
turns, and the shortest of each counts, because what disturbs a round only makes it longer.

    python -m bench.scale                    # open orders, strategies and sessions: one and many
    python -m bench.scale --memory 5000000   # memory after a fifth of so many messages, and all
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fixengine.desk.orders import Orders
from fixengine.messages import Ack, ExecutionReport, Hello, NewOrderSingle, encode
from fixengine.network.strategies import Handed

from bench import count

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from engine_in_memory import EPOCH, Engine

CLOSED_MAX = 50_000
MESSAGES = 1000
ROUNDS = 7
PAGE_BYTES = 4096
FIRST = 100_000_000
"""Ids are as long at the end as at the beginning: longer ones would look like a leak."""


class Walk:
    """An engine whose ends keep nothing, with strategies that are logged on.

    sessions: how many carry orders, in turn. opened: ids on the wire of orders that rest.
    """

    def __init__(self, strategies: int = 1, opened: int = 0, sessions: int = 1) -> None:
        orders = Orders(2 * opened + 10_000, CLOSED_MAX)
        self.engine = engine = Engine(outbox_max=1 << 16, orders=orders)
        self.opened: list[str] = []
        self.submitted = FIRST
        engine.gateway.counter = FIRST
        engine.strategies.strategies_max = strategies
        self.peers = [b"a"] + [b"p%d" % number for number in range(1, strategies)]
        for number, peer in enumerate(self.peers[1:], 1):
            engine.now += 1_000_000_000
            engine.gateway.on_order(peer, encode(Hello(f"s{number}")), engine.now)
        engine.bus.send = lambda peer, payload: Handed.TAKEN  # type: ignore[method-assign]
        engine.gateway.teller.record = lambda *record: True
        self.seqs = {1: (engine.line, engine.seq)}
        for number in range(2, sessions + 1):
            engine.log_on(engine.new_line(number=number))
            self.seqs[number] = engine.line, engine.seq
        for _ in range(opened):
            self.rest()

    def rest(self) -> None:
        """One more order that lives, as the walk would have left it, without its price in time."""
        number = len(self.opened)
        orders = self.engine.gateway.orders
        wire_id = f"1-rs-{number:x}"
        order = orders.open(1, f"open-{number}", wire_id, "BTCUSDT")
        request = NewOrderSingle.limit("BTCUSDT", "1", "1", "50000", cl_ord_id=order.cl_ord_id)
        order.request = encode(request)
        ids = order.cl_ord_id, None, wire_id, None
        head = number, EPOCH, "ME", False, 1
        report = ExecutionReport(*head, *ids, "BTCUSDT", "0", "0")
        order.outcome = encode(report)
        order.see(f"E{number}")
        orders.update(order, None, "0", str(number))
        self.opened.append(wire_id)

    def reports(self, chance: random.Random, name: str) -> list[bytes]:
        """Reports of resting orders, each of one by chance."""
        frames = []
        for number in range(MESSAGES):
            at = chance.randrange(len(self.opened))
            ids = {"cl_ord_id": self.opened[at], "order_id": str(at)}
            frames.append(self.engine.report_frame("0", "0", exec_id=f"{name}{number}", **ids))
        return frames

    def take(self, frames: Sequence[bytes]) -> None:
        """The venue sends them, one a wake-up; the strategy acknowledges all."""
        engine = self.engine
        for frame in frames:
            engine.line.framer.feed(frame)
            engine.gateway.on_bytes(engine.line, engine.now)
            engine.gateway.flush(engine.now)
        self.acknowledge()

    def acknowledge(self) -> None:
        """Every strategy has read all."""
        engine = self.engine
        for peer in self.peers:
            strategy = engine.strategies.of(peer)
            assert strategy is not None
            engine.gateway.on_order(peer, encode(Ack(strategy.next_seq - 1)), engine.now)

    def trade(self, count: int) -> None:
        """So many orders, of each strategy in turn, each filled at once."""
        engine = self.engine
        for _ in range(count):
            self.submitted += 1
            peer = self.peers[self.submitted % len(self.peers)]
            engine.now += 1_000_000
            engine.wire.written.clear()
            engine.request(engine.order(f"o{self.submitted}"), peer=peer)
            self._answer_on_its_session()
            number = str(self.submitted)
            fill = {"last_qty": "1", "cum_qty": "1", "trade_id": number, "exec_id": number}
            engine.report("F", "2", order_id=f"f{number}", **fill)
            if self.submitted % 64 == 0:
                self.acknowledge()

    def _answer_on_its_session(self) -> None:
        """The venue speaks next where the last order went."""
        engine = self.engine
        order = engine.gateway.orders.by_wire(engine.last()[11].decode())
        assert order is not None
        self.seqs[engine.line.number] = engine.line, engine.seq
        engine.line, engine.seq = self.seqs[order.line]


def shortest(rounds: Sequence[Callable[[], float]]) -> list[float]:
    """Seconds of the shortest round of each, in turns."""
    best = [float("inf")] * len(rounds)
    for _ in range(ROUNDS):
        for at, one in enumerate(rounds):
            best[at] = min(best[at], one())
    return best


def timed(work: Callable[[], object]) -> float:
    """Seconds of the processor it takes, without the collector, as the engine runs."""
    gc.disable()
    begin = time.process_time()
    work()
    took = time.process_time() - begin
    gc.enable()
    return took


def report_costs(counts: Sequence[int]) -> list[float]:
    """Microseconds of a report of a random order, with so many open."""
    gc.disable()
    walks = [Walk(opened=count) for count in counts]
    gc.enable()
    gc.freeze()
    chance = random.Random(1)

    def one(walk: Walk, name: str) -> float:
        frames = walk.reports(chance, name)
        return timed(lambda: walk.take(frames))

    names = iter(range(1 << 30))
    took = shortest([lambda walk=walk: one(walk, f"x{next(names)}-") for walk in walks])  # type: ignore[misc]
    gc.unfreeze()
    return [1e6 * seconds / MESSAGES for seconds in took]


def trade_costs(walks: Sequence[Walk]) -> list[float]:
    """Microseconds of an order and its fill on each."""
    for walk in walks:
        walk.trade(MESSAGES)
    took = shortest([lambda walk=walk: timed(lambda: walk.trade(MESSAGES)) for walk in walks])  # type: ignore[misc]
    return [1e6 * seconds / MESSAGES for seconds in took]


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def bytes_per_order(count: int) -> float:
    """Memory that an open order takes, on average."""
    before = resident_bytes()
    walk = Walk(opened=count)
    return (resident_bytes() - before) / len(walk.opened)


def memory(messages: int) -> None:
    """Print what is resident after a fifth of so many messages, and after all."""
    walk = Walk()
    walk.trade(2 * CLOSED_MAX)
    at_first = 0
    for part in range(1, 6):
        walk.trade(max(0, part * messages // 10 - (walk.submitted - FIRST - 2 * CLOSED_MAX)))
        gc.collect()
        at_first = at_first or resident_bytes()
        more = resident_bytes() - at_first
        print(f"{part * messages // 5:>12,} messages: {more / (1 << 20):+.2f} MiB", flush=True)


def main() -> None:
    """See the module's top."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--memory", type=count, metavar="MESSAGES", help="memory instead of time")
    options = parser.parse_args()
    if options.memory:
        memory(options.memory)
        return
    print(f"{bytes_per_order(100_000):,.0f} bytes for each open order")
    few, many = report_costs((1, 1_000_000))
    print(f"a report: 1 open {few:.1f} us, 1,000,000 open {many:.1f} us, {many / few:.2f} times")
    for what, walks in (
        ("1 strategy, 64 strategies", (Walk(), Walk(strategies=64))),
        ("1 session, 10 sessions", (Walk(), Walk(sessions=10))),
    ):
        one, all_ = trade_costs(walks)
        print(f"an order and its fill: {what}: {one:.1f} us, {all_:.1f} us, {all_ / one:.2f} times")


if __name__ == "__main__":
    main()
