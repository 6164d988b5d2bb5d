"""What a record is about: which strategy, which order, which symbol.

A record names an order by whatever its side of the walk knows: the strategy's id before the
intent, the wire's id in a frame, the venue's OrderID after its first report. `Chosen` learns from
the records how these belong together, and so finds all of an order's records by any one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from fixengine import messages
from fixengine.network.journal.reader import Entry, Record
from fixengine.network.journal.record import FRAMES, NAMED, Carried, Kind, carried_decoder
from fixengine.network.journal.record import split_named as split

TAGS = re.compile(rb"\x01(11|37|41|55|25014|25015|25034)=([^\x01]*)")
ORDER_ID, SYMBOL = b"37", b"55"
CLIENT_IDS = b"11", b"41", b"25014", b"25015", b"25034"
"""ClOrdID and OrigClOrdID, those of a list, and that of the cancel before a new order."""

NAMED_BY_WIRE_ID = frozenset({Kind.INTENT, Kind.DROPPED, Kind.CARRIED, Kind.HANDED_OVER})

Own = Callable[[str], tuple[int, int, int] | None]
"""A venue's hook: (number of the strategy, epoch, counter) of an id of ours on the wire."""

Name = tuple[str, str, str]
"""One name of an order: whose id it is, what it is unique within, the id."""


class About(NamedTuple):
    """strategy: its name, where the record has it. own: what the strategy calls the request and
    its order. wire: what the wire calls them. order_id: what the venue calls the order.
    """

    strategy: str | None = None
    own: tuple[str, ...] = ()
    wire: tuple[str, ...] = ()
    order_id: str | None = None
    symbol: str | None = None


def decoded(record: Record) -> tuple[str | None, Any]:
    """(name, message of the bus, or None where it holds none) of a record that has a name."""
    name, payload = split(record.data)
    decoder: msgspec.msgpack.Decoder[Any] = messages.request_decoder
    if record.kind == Kind.DELIVERED:
        decoder = messages.event_decoder
    elif record.kind == Kind.CARRIED:
        decoder = carried_decoder
    try:
        return name, decoder.decode(payload) if payload else None
    except messages.NOT_A_MESSAGE:
        return name, None


def about(record: Record) -> About:
    """What a record is about, as far as it says so itself."""
    if record.kind in FRAMES:
        return _frame(record.data)
    if record.kind not in NAMED:
        return About()
    name, message = decoded(record)
    found = About() if message is None else _message(message)
    if record.kind in NAMED_BY_WIRE_ID:
        return found._replace(wire=((name,) if name else ()) + found.wire)
    if record.kind == Kind.ORDER:
        if isinstance(message, messages.Hello):
            return found._replace(strategy=message.strategy)
        # A socket is called after its strategy, with something random behind.
        return found._replace(strategy=name.rpartition(".")[0] if name else None)
    return found._replace(strategy=name)


def _frame(data: bytes) -> About:
    found: dict[bytes, list[str]] = {}
    for tag, value in TAGS.findall(data):
        found.setdefault(tag, []).append(value.decode(errors="backslashreplace"))
    wire = tuple(value for tag in CLIENT_IDS for value in found.get(tag, ()))
    order_id, symbol = (found.get(tag, [None])[0] for tag in (ORDER_ID, SYMBOL))
    return About(None, (), wire, order_id, symbol)


def _message(message: Any) -> About:
    def values(*names: str) -> tuple[str, ...]:
        return tuple(value for name in names if (value := getattr(message, name, None)))

    own = values("cl_ord_id", "orig_cl_ord_id")
    wire = values("wire_cl_ord_id", "wire_orig_cl_ord_id")
    if isinstance(message, Carried):
        wire = values("target_wire_id")
    elif isinstance(message, messages.OrderCancelRequestAndNewOrderSingle):
        own += (message.cancel_cl_ord_id,)
    elif isinstance(message, messages.NewOrderList):
        own += tuple(one.order.cl_ord_id for one in message.orders)
    elif isinstance(message, messages.ListStatus):
        own = (message.cl_list_id, *(one.cl_ord_id for one in message.orders))
        wire = (message.wire_cl_list_id, *(one.wire_cl_ord_id for one in message.orders))
    symbol = getattr(message, "symbol", None) or None
    order_id = getattr(message, "order_id", None)
    return About(None, own, wire, order_id, symbol)


class Chosen:
    """Says of one record after another whether it is about what was asked for.

    order: any of its ids. A cancel belongs to its order, and so does each id of either. What says
    nothing of a strategy, an order or a symbol is not about one. An OrderID that two symbols share
    finds both orders.
    """

    def __init__(
        self, own: Own, strategy: str | None, order: str | None, symbol: str | None
    ) -> None:
        self._own = own
        self._strategy = strategy
        self._order = order
        self._symbol = symbol
        self._names: dict[int, str] = {}
        self._asked: tuple[str, tuple[str, ...]] = "", ()
        self._of_order: set[Name] = set()
        self._of_symbol: set[Name] = set()

    @property
    def looks_ahead(self) -> bool:
        """Whether records may be named by what only later ones tell; see `learn`."""
        return self._strategy is not None or self._order is not None

    def learn(self, found: Iterable[Entry]) -> None:
        """Take in how names belong together, before the same records are asked about."""
        for entry in found:
            if isinstance(entry, Record):
                self.takes(entry)

    def takes(self, record: Record) -> bool:
        """Whether it is about all that was asked for."""
        what = about(record)
        strategy = self._name_of(record.kind, what)
        names = list(_names(what, strategy))
        taken = self._strategy is None or strategy == self._strategy
        if self._order is not None:
            ids = (*what.own, *what.wire, what.order_id)
            mine = self._order in ids or not self._of_order.isdisjoint(names)
            if mine and taken:
                self._of_order.update(names)
            taken = taken and mine
        if self._symbol is not None:
            mine = what.symbol == self._symbol
            if what.symbol is None:
                mine = not self._of_symbol.isdisjoint(names)
            if mine and taken:
                self._of_symbol.update(names)
            taken = taken and mine
        return taken

    def _name_of(self, kind: int, what: About) -> str | None:
        """The strategy of a record, by the number in a wire id where it has no name."""
        numbers = [owner[0] for wire_id in what.wire if (owner := self._own(wire_id))]
        if kind == Kind.ORDER:
            self._asked = what.strategy or "", what.own
        if not numbers:
            return what.strategy
        name = what.strategy
        if kind == Kind.INTENT and what.own == self._asked[1]:
            # The walk records a request and, before anything else of a strategy, its intent.
            name = self._asked[0]
        if name:
            self._names[numbers[0]] = name
        return name or self._names.get(numbers[0])


def _names(what: About, strategy: str | None) -> Iterable[Name]:
    yield from (("own", strategy or "", name) for name in what.own)
    yield from (("wire", "", name) for name in what.wire)
    if what.order_id and what.symbol:
        yield "venue", what.symbol, what.order_id
