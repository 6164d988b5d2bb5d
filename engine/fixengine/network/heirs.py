"""An order of a strategy that is gone becomes another's, its heir's.

From then on it is as if the heir had asked for it: reports and fills go to it, it may cancel it,
and its snapshot has it. The heir knows it by its id on the wire, which no strategy chooses, or an
adopted one, which has none of ours, by the id that it had. The id under which it was asked for
stays taken, so that nobody's repetition becomes a second order. Both are told: whoever had it, that
it is no longer its own; the heir, how it stands.
"""

from __future__ import annotations

from fixengine.desk.orders import Order, Orders
from fixengine.messages import CL_ORD_ID, encode
from fixengine.network.journal.record import HandedOver, Kind, named
from fixengine.network.strategies import RegisterError, Strategies, Strategy
from fixengine.network.teller import Teller


class Heirs:
    """See the module's top."""

    def __init__(self, strategies: Strategies, orders: Orders, teller: Teller) -> None:
        self._strategies = strategies
        self._orders = orders
        self._teller = teller

    def hand_over(self, of: Strategy, order: Order, to: str, now: int) -> str | None:
        """Hand an order over; why it cannot be now, or None."""
        try:
            heir = self._strategies.named(to, now)
        except RegisterError as problem:
            return str(problem)
        own_id = order.cl_ord_id
        heirs_id = order.wire_id if CL_ORD_ID.match(order.wire_id) else own_id
        if self._orders.find(heir.number, heirs_id) is not None:
            return f"{heir.name} has used {heirs_id} as an id of its own"
        entry = encode(HandedOver(heir.number, heir.name, heirs_id))
        # Recorded before anybody hears of it: the next run must not give it back.
        if not self._teller.record(Kind.HANDED_OVER, now, 0, named(order.wire_id, entry)):
            return "the journal's ring is full"
        self._orders.hand_over(order, heir.number, heirs_id)
        self._teller.disown(of, own_id, order, heir.name, now)
        self._teller.inherited(order, of.name, now)
        return None
