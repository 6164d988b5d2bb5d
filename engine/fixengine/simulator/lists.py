"""An order list that was accepted: which of its orders stand for which (spec sections 9.3, 22.5).

    OCO     a pair: once one of the two trades or is set off, the other ends
    OTO     a working order and one that waits until it is filled in full
    OTOCO   a working order and a pair that waits

A pair locks what the dearer one of the two may cost, once, and one of them carries that: the limit
maker, which may trade where it stands, or else the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fixengine.simulator.accounts import PlacedOrder
    from fixengine.simulator.instruments import Instrument

ONE_CANCELS_THE_OTHER, ONE_TRIGGERS_THE_OTHER = "1", "2"


class Instruction(NamedTuple):
    """What is done with the order that has it, once something happens to another one of its list.

    The names are those of the venue's table.
    """

    list_trigger_type: str
    list_trigger_trigger_index: int
    list_trigger_action: str


class OrderList:
    """See the module's top.

    names: the orders' client ids in the list. instructions: each order's, as they came.
    canceled_by: client id of the cancel that ends it. touched: where the market notes lists to
    which something has happened.
    """

    def __init__(
        self,
        list_id: int,
        cl_list_id: str,
        contingency: str,
        orders: tuple[PlacedOrder, ...],
        instructions: tuple[tuple[Instruction, ...], ...],
        touched: dict[OrderList, None],
    ) -> None:
        self.list_id = list_id
        self.cl_list_id = cl_list_id
        self.contingency = contingency
        self.orders = orders
        self.names = [order.cl_ord_id for order in orders]
        self.instructions = instructions
        self.canceled_by: str | None = None
        self._touched = touched
        self.state = self.present_state()

    @property
    def instrument(self) -> Instrument:
        """The symbol of all of them."""
        return self.orders[0].instrument

    @property
    def working(self) -> PlacedOrder | None:
        """The order that the others wait for; None of an OCO."""
        return None if self.contingency == ONE_CANCELS_THE_OTHER else self.orders[0]

    @property
    def pair(self) -> tuple[PlacedOrder, ...]:
        """The two orders of which one ends the other; none of an OTO."""
        found = self.orders if self.working is None else self.orders[1:]
        return found if len(found) == 2 else ()

    @property
    def is_over(self) -> bool:
        """Whether all its orders have ended."""
        return all(order.ended for order in self.orders)

    def present_state(self) -> tuple[tuple[object, bool], ...]:
        """What the venue may tell of when it changes: who waits for what, and who has ended."""
        return tuple((order.waits, order.ended) for order in self.orders)

    def partner(self, order: PlacedOrder) -> PlacedOrder | None:
        """The other one of the order's pair, unless it has ended."""
        pair = self.pair
        if order not in pair:
            return None
        other = pair[1] if order is pair[0] else pair[0]
        return None if other.ended else other

    def carries(self, order: PlacedOrder) -> bool:
        """Whether this order of the pair locks for both."""
        maker = next((one for one in self.pair if one.trigger is None), self.pair[0])
        return order is maker

    def renamed(self, order: PlacedOrder) -> None:
        """An order of it is known by another client id."""
        self.names[self.orders.index(order)] = order.cl_ord_id

    def touch(self) -> None:
        """Something has happened to an order of it."""
        self._touched[self] = None
