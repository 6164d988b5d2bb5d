"""One world, from its seed to the quiet behind all trouble."""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections import Counter
from typing import Any, NamedTuple

from fixengine.testing import SimulationError
from fixengine.testing.venue import VenueOrder

from world.coverage import Pair, pairs_into
from world.machine import Machine
from world.options import options_of
from world.strategies import MIDDLE, SYMBOLS, Seat
from world.trouble import Trouble

STEPS = 450
QUIET_S = 5.0
QUIET_TURNS = 80
DEAD_S = 90.0
"""How long one strategy stays away when all trouble has ended."""


class World(Machine):
    """See the folder's top. pairs: see coverage.py."""

    def __init__(self, seed: int, steps: int = STEPS) -> None:
        chance = random.Random(seed)
        super().__init__(seed, options_of(chance), chance)
        self.steps = steps
        self.pairs: set[Pair] = set()
        self._trouble = Trouble(self)
        self.seats += [Seat(self, f"s{number}") for number in range(self.options.strategies)]
        for seat in self.seats:
            self.checker.desks[seat.desk.name] = seat.desk
        self.start()

    # --- everybody else ---------------------------------------------------------------------

    def _market(self) -> None:
        """Somebody trades, with a strategy's order or with anybody's."""
        venue, chance = self.engine.venue, self.chance
        self.count("trade")
        try:
            orders = venue._account.by_client_id
            if orders and chance.random() < 0.7:
                at = chance.randrange(min(len(orders), 40))
                wire_id = list(orders)[-at - 1]
                part = chance.choice((None, "0.001", "0.005"))
                self.note(f"somebody fills {part or 'all'} of {wire_id}")
                placed = orders[wire_id]
                self.survive(lambda: venue.fill(resting(wire_id, placed), part))
            else:
                symbol = chance.choice(SYMBOLS)
                price = MIDDLE[symbol] + chance.randrange(-8, 9)
                trade = chance.choice((venue.buy, venue.sell))
                self.survive(lambda: trade("0.05", price, symbol))
        except SimulationError as problem:
            self.note(f"nobody trades: {problem}")

    # --- a run ------------------------------------------------------------------------------

    def _step(self) -> None:
        chance, seat = self.chance, self.chance.choice(self.seats)
        if not self.engine.is_running:
            if chance.random() < 0.3:
                self.start()
        elif chance.randrange(1000) < self.options.kills:
            if chance.random() < 0.7:
                self._fuse = chance.choice((chance.randrange(12), chance.randrange(120)))
            else:
                chance.choice((self.kill, self.kill, self.stop))()
        if chance.randrange(1000) < self.options.trouble:
            self.count("trouble")
            self._trouble.come()
        seat.act(chance.random())
        if chance.random() < 0.35:
            self._market()
        for one in self.seats:
            if chance.random() < 0.7:
                self.survive(one.read)
        pause_s = chance.choice((0, 0, 0, 0.001, 0.01, 0.05, 0.3))
        if chance.random() < 0.02:
            pause_s = chance.choice((2, 7, 15))
        self.survive(lambda: self.engine.advance(pause_s))

    def _quiet(self) -> None:
        """All trouble ends; time goes by until everything is known."""
        self.note("all trouble ends")
        self._fuse = None
        self.is_quiet = True
        self._trouble.end()
        self.engine.advance(25)  # what was to happen later has happened
        self._trouble.end()
        dead = self.chance.choice(self.seats) if self.chance.random() < 0.3 else None
        if dead is not None:
            dead.go()
            dead.away = True
            self._settle(DEAD_S)
            kept = self.options.on_death == "keep"
            self.met(f"orders of the dead {'kept' if kept else 'cancelled'}")
            self.checker.dead(dead.desk.name)
            dead.away = False
        for turn in range(QUIET_TURNS):
            self._settle(QUIET_S)
            if turn >= 6 and self._is_known():
                break

    def _settle(self, seconds: float) -> None:
        if not self.engine.is_running:
            self.start()
        for seat in self.seats:
            seat.come()
            seat.read()
        self.engine.advance(seconds)

    def _snapshots(self) -> dict[str, Any]:
        found = {}
        for seat in self.seats:
            assert seat.client is not None, "it came when all trouble ended"
            found[seat.desk.name] = seat.client.snapshot()
            seat.read()
        return found

    def _is_known(self) -> bool:
        return all(
            order.standing in ("pending_new", "new", "replaced", "partially_filled")
            for snapshot in self._snapshots().values()
            for order in snapshot.orders
        )

    def run(self) -> list[str]:
        """Live through it all; what was wrong, nothing for a world as it should be."""
        try:
            with pairs_into(self.pairs):
                for _ in range(self.steps):
                    self._step()
                self._quiet()
            self.checker.finish(self._snapshots())
            for line in self.engine.log:
                if "a defect of the engine" in line.text:
                    self.checker.breach("I7", line.text)
        finally:
            for seat in self.seats:
                if seat.client is not None:
                    seat.client.close()
            self.engine.close()
        return self.checker.problems


def resting(wire_id: str, placed: Any) -> VenueOrder:
    """An order of the strategies, as SimulatedVenue.fill takes it."""
    ids = str(placed.order_id), wire_id, placed.instrument.symbol
    return VenueOrder(*ids, placed.side, None, "", "")


class Lived(NamedTuple):
    """What came of a world. said: what there is to read where it failed."""

    seed: int
    hit: Counter[str]
    pairs: set[Pair]
    events: int
    said: str


def live(seed: int) -> Lived:
    """Run a world."""
    world = World(seed)
    try:
        problems = world.run()
    except Exception as problem:
        problem.add_note(f"{world.tail}\nseed {seed}: {world.options}")
        raise
    said = ""
    if problems:
        again = f"again: PYTHONPATH=tests python -m world --seed {seed}"
        said = "\n".join((world.tail, f"seed {seed}: {world.options}", *problems[:12], again))
    gc.collect()  # a world is one knot of references, and a big one
    return Lived(seed, world.hit, world.pairs, world.events, said)


def main() -> int:
    """See the folder's top."""
    parser = argparse.ArgumentParser(prog="python -m world")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many; 0: until something fails")
    given = parser.parse_args()
    seed, total, began = given.seed, 0, time.monotonic()
    gc.freeze()  # what is there before any world needs no look after each
    while given.seeds == 0 or seed < given.seed + given.seeds:
        lived = live(seed)
        total += lived.events
        if lived.said:
            print(lived.said)
            return 1
        seed += 1
        if given.seeds == 0 and seed % 100 == 0:
            rate = total / (time.monotonic() - began)
            print(f"{seed - given.seed} seeds, {total} events, {rate:.0f} a second", flush=True)
    seconds = time.monotonic() - began
    print(f"{seed - given.seed} seeds, {total} events in {seconds:.1f} s, nothing wrong")
    return 0
