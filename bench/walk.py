"""What the walk costs by itself: an order out, and its acknowledgement in.

Bytes of the bus go in and bytes of the wire come out, and the other way round, with session, plans,
order table, limits and the journal's ring as the engine has them; the ends keep nothing. All
payloads and frames are made before the clock runs. Rounds take the processor's time, the shortest
counts.

    python -m bench.walk            # us of each way, and of both
    python -m bench.walk --profile  # and where it goes, by function
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import sys
import tempfile
import time
from pathlib import Path

from fixengine.messages import Ack, encode
from fixengine.network.journal.ring import Ring
from fixengine.network.strategies import Handed

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from engine_in_memory import EPOCH, Engine

ORDERS = 2000
ROUNDS = 9
RING_BYTES = 1 << 24
PEER = b"a"


class Nowhere:
    """A transport that keeps nothing."""

    alive = True

    def write(self, data: bytes) -> None:
        """See line.Transport."""

    def unsent(self) -> int:
        """See line.Transport."""
        return 0

    def close(self) -> None:
        """See line.Transport."""


class Walk:
    """An engine that is logged on, with a ring of the journal that nobody drains."""

    def __init__(self, directory: Path) -> None:
        self.engine = engine = Engine(outbox_max=1 << 16)
        self.gateway = engine.gateway
        self.gateway.orders.open_max = 1 << 30
        self.ring = Ring.create(directory / "ring", directory, EPOCH, RING_BYTES)
        self.gateway.teller.record = self.ring.append
        engine.bus.send = lambda peer, payload: Handed.TAKEN  # type: ignore[method-assign]
        engine.line.transport = Nowhere()
        self.asked = 0

    def prepare(self, count: int) -> tuple[list[bytes], list[bytes]]:
        """So many orders as the bus brings them, and the NEW of each as the venue sends it."""
        engine, gateway = self.engine, self.gateway
        orders, reports = [], []
        for counter in range(gateway.counter + 1, gateway.counter + count + 1):
            self.asked += 1
            order = engine.order(f"o{self.asked}")
            order.epoch, order.sent_ns, order.valid_for_ms = EPOCH, engine.now, 1000
            orders.append(encode(order))
            wire_id = gateway.venue.make_cl_ord_id(1, EPOCH, counter)
            ids = {"cl_ord_id": wire_id, "order_id": str(self.asked)}
            reports.append(engine.report_frame("0", "0", **ids))
        return orders, reports

    def out(self, orders: list[bytes]) -> None:
        """The strategy sends them, one a wake-up."""
        gateway, now = self.gateway, self.engine.now
        for payload in orders:
            gateway.on_order(PEER, payload, now)
            gateway.flush(now)

    def back(self, reports: list[bytes]) -> None:
        """The venue sends them, one a wake-up."""
        gateway, line, now = self.gateway, self.engine.line, self.engine.now
        feed = line.framer.feed
        for frame in reports:
            feed(frame)
            gateway.on_bytes(line, now)
            gateway.flush(now)

    def settle(self) -> None:
        """All is read and on disk."""
        strategy = self.engine.strategies.of(PEER)
        assert strategy is not None
        self.gateway.on_order(PEER, encode(Ack(strategy.next_seq - 1)), self.engine.now)
        self.ring.written_to = self.ring.on_disk = self.ring.appended


def measure(walk: Walk) -> tuple[float, float]:
    """Microseconds of an order out and of its acknowledgement in."""
    best_out = best_in = float("inf")
    for _ in range(ROUNDS):
        orders, reports = walk.prepare(ORDERS)
        begin = time.process_time()
        walk.out(orders)
        half = time.process_time()
        walk.back(reports)
        end = time.process_time()
        best_out, best_in = min(best_out, half - begin), min(best_in, end - half)
        walk.settle()
        assert not walk.gateway.orders.waiting(1), "an acknowledgement did not arrive"
        assert not walk.ring.refused, "the ring is too small"
    return 1e6 * best_out / ORDERS, 1e6 * best_in / ORDERS


def main() -> None:
    """See the module's top."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--profile", action="store_true", help="by function, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        walk = Walk(Path(directory))
        gc.freeze()
        gc.disable()
        out, back = measure(walk)
        print(f"out {out:.1f} us, in {back:.1f} us, both {out + back:.1f} us")
        if options.profile:
            orders, reports = walk.prepare(ORDERS)
            profile = cProfile.Profile()
            profile.runcall(walk.out, orders)
            profile.runcall(walk.back, reports)
            pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        walk.ring.close(remove=True)


if __name__ == "__main__":
    main()
