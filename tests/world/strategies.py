"""Who trades in the world: strategies that submit, repeat, cancel, and come and go."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from fixengine.client import Client, HelloRefused, NoAnswer, NotConnected
from fixengine.messages import (
    NewOrderSingle,
    OrdType,
    Refused,
    RefusedReason,
    Side,
    oto,
)

from world.checker import Checker, Desk
from world.options import Options

SYMBOLS = "BTCUSDT", "ETHUSDT"
MIDDLE = {"BTCUSDT": 50_000, "ETHUSDT": 2_500}
CANCEL_MS = 1000
LIMIT = OrdType.LIMIT
PLAYED = "replace", "amend", "mass cancel", "list"
"""Requests of several parts, or about several orders."""


class Owner(Protocol):
    """The world, as far as a strategy needs it."""

    seed: int
    options: Options
    chance: random.Random
    checker: Checker
    engine: Any
    now_ns: int

    def count(self, what: str, number: int = 1) -> None:
        """So many steps of a strategy."""

    def met(self, trouble: str) -> None:
        """A kind of trouble has come."""

    def note(self, text: str, event: Any = "") -> None:
        """For the one who reads a failure."""

    def survive(self, action: Callable[[], Any]) -> Any:
        """Do something in which the engine may die."""


class Seat:
    """A strategy: its client while it is there, and the orders it has submitted."""

    def __init__(self, world: Owner, name: str) -> None:
        self.desk = Desk(name)
        self.client: Client | None = None
        self.away = False
        self._world = world
        self._chance = world.chance
        self._orders: list[NewOrderSingle] = []
        self._replacing: list[NewOrderSingle] = []
        self._submitted = 0

    # --- coming and going -------------------------------------------------------------------

    def come(self) -> None:
        """Connect, where there is an engine."""
        world, desk = self._world, self.desk
        if self.client is not None or self.away or not world.engine.is_running:
            return
        resume_from = None if desk.begins_anew else desk.last_seq + 1
        wants_sent = world.seed % 2 == 0
        options: dict[str, Any] = {"resume_from": resume_from, "wants_sent": wants_sent}
        try:
            self.client = world.survive(lambda: Client(world.engine.endpoint, desk.name, **options))
        except (NotConnected, HelloRefused) as problem:
            world.note(f"{desk.name} does not get in: {problem}")
            return
        world.note(f"{desk.name} comes")

    def go(self) -> None:
        """Close."""
        client, self.client = self.client, None
        if client is not None:
            self._world.note(f"{self.desk.name} goes")
            self._world.survive(client.close)

    def die(self) -> None:
        """It is gone with all it knew: its machine is."""
        self.go()
        self.desk.dies()

    # --- reading ----------------------------------------------------------------------------

    def read(self) -> None:
        """Take what there is."""
        world, desk = self._world, self.desk
        while self.client is not None:
            try:
                for event in self.client.reports(0):
                    self._hear(event)
                return
            except NoAnswer as problem:
                ask = desk.asks.get(problem.cl_ord_id)
                if ask is not None:
                    ask.no_answer = True
                world.note(f"{desk.name}: {problem}")
            except HelloRefused as problem:
                world.note(f"{desk.name}: {problem}")
                return

    def _hear(self, event: Any) -> None:
        world = self._world
        world.count("strategy hears")
        world.note(f"{self.desk.name} hears", event)
        if isinstance(event, Refused) and event.reason == RefusedReason.WRONG_EPOCH:
            world.met("stale epoch")
        world.checker.heard(self.desk, event, world.now_ns)

    # --- trading ----------------------------------------------------------------------------

    def act(self, draw: float) -> None:
        """One of all it may do."""
        if self.client is None:
            if draw < 0.2:
                self.come()
        elif draw < 0.15 and self._world.options.late:
            order = self._order()
            self.submit(order)
            self._cancel(order)
        elif draw < 0.50:
            self.submit(self._order())
        elif draw < 0.53:
            for _ in range(self._chance.choice((5, 20, 50, 130))):
                self.submit(self._order())
        elif draw < 0.75:
            self._cancel(self._chance.choice(self._targets) if self._orders else None)
        elif draw < 0.80:
            if self._orders:
                self._world.met("repeated id")
                self.submit(self._chance.choice(self._orders[-12:]))
        elif draw < 0.81:
            self._world.met("strategy away")
            self.go()
        elif draw < 0.85:
            order = self._order()
            self.submit(order)
            self._cancel(order)
        elif draw < 0.90:
            self._ask_for_more()

    def submit(self, order: NewOrderSingle) -> None:
        """Hand an order to the client, and the same to the checker."""
        world = self._world
        if self.client is None:
            return
        ms = self._chance.choice((50, 500, 1000, 3000))
        order.valid_for_ms = ms
        try:
            self.client.submit(order)
        except NotConnected:
            return
        world.count("strategy asks")
        world.note(f"{self.desk.name} submits {order.cl_ord_id} {order.side} {order.price}")
        sent = world.now_ns, ms, self.client.epoch
        world.checker.asked(self.desk, order.cl_ord_id, order.strategy_id, None, sent)
        self._orders.append(order)

    @property
    def _targets(self) -> list[NewOrderSingle]:
        """Orders that may live, some of which came in the place of others."""
        return self._orders[-20:] + self._replacing[-4:]

    def _order(self) -> NewOrderSingle:
        chance = self._chance
        self._submitted += 1
        symbol = chance.choice(SYMBOLS)
        side = chance.choice((Side.BUY, Side.SELL))
        quantity = f"0.{chance.randrange(10, 60):03}"
        cl_ord_id = f"{self.desk.name}-{self._submitted}"
        if chance.random() < 0.08:
            order = NewOrderSingle.market(symbol, side, quantity, cl_ord_id=cl_ord_id)
        else:
            price = MIDDLE[symbol] + chance.randrange(-6, 7)
            order = NewOrderSingle.limit(symbol, side, quantity, price, cl_ord_id=cl_ord_id)
            if chance.random() < (0.5 if self._world.options.late else 0.1):
                order.time_in_force = "3"
            elif chance.random() < 0.1:
                order.max_floor = "0.008"
        if chance.random() < 0.1:
            order.self_trade_prevention_mode = chance.choice("2345")
        order.strategy_id = f"{self._submitted * 10 + int(self.desk.name[1:])}"
        return order

    def _ask_for_more(self) -> None:
        """One of PLAYED: each part of it has to end."""
        chance, client = self._chance, self.client
        if client is None or not self._orders:
            return
        target, order = chance.choice(self._targets), self._order()
        name, ms = order.cl_ord_id, chance.choice((50, 500, 1000, 3000))
        order.valid_for_ms = ms
        # The id, the tag, and of a cancel the target of each part.
        parts: list[tuple[str, str | None, str | None]] = [(name, order.strategy_id, None)]
        kind = chance.choice(PLAYED)
        try:
            if kind == "replace":
                half, mode = f"{name}-c", chance.choice("12")
                client.cancel_replace(target.cl_ord_id, order, mode=mode, cancel_cl_ord_id=half)
                parts.append((half, None, target.cl_ord_id))
                self._replacing.append(order)
            elif kind == "amend":
                quantity = chance.choice(("0.001", "0.008", "0.02"))
                client.amend(target.cl_ord_id, quantity, cl_ord_id=name, valid_for_ms=ms)
                parts = [(name, None, None)]
            elif kind == "list":
                other = self._order()
                other.symbol = order.symbol
                working, pending = (order, other) if order.ord_type == LIMIT else (other, order)
                if working.ord_type != LIMIT:
                    return
                made = oto(working, pending, cl_list_id=f"{name}-l")
                client.submit_list(made)
                self._replacing += [order, other]
                parts.append((other.cl_ord_id, other.strategy_id, None))
                parts.append((made.cl_list_id, None, None))
            else:
                client.mass_cancel(target.symbol, cl_ord_id=name, valid_for_ms=ms)
                parts = [(name, None, None)]
        except NotConnected:
            return
        world = self._world
        world.count("strategy asks")
        world.met(kind)
        world.note(f"{self.desk.name} asks for a {kind}: {parts}")
        for part, tag, of in parts:
            world.checker.asked(self.desk, part, tag, of, (world.now_ns, ms, client.epoch))
        key = f"{name}-l" if kind == "list" else name
        world.checker.belong(self.desk, key, [part for part, *_ in parts])

    def _cancel(self, order: NewOrderSingle | None) -> None:
        world = self._world
        if self.client is None or order is None:
            return
        target = order.cl_ord_id
        try:
            cl_ord_id = self.client.cancel(target)
        except NotConnected:
            return
        world.count("strategy asks")
        world.note(f"{self.desk.name} cancels {target}")
        sent = world.now_ns, CANCEL_MS, self.client.epoch
        world.checker.asked(self.desk, cl_ord_id, None, target, sent)
