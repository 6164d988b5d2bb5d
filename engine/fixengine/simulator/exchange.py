"""The matching engine of the built-in venue: requests in, answers out, no clock and no I/O.

Each request is carried out to its end before the next one, so the answers of a request, and those
that other accounts get because of it, come out in one list and in the order in which they happened.

What is not played: OPO and OPOCO lists, pegs, SOR, transfers between accounts, symbols that halt,
the price range rule. Requests for them are refused as the venue refuses them where they are not
enabled. Orders of one account trade with each other unless they ask for prevention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from fixengine.fix.venue import Complaint
from fixengine.simulator import (
    amending,
    cancelling,
    list_placing,
    list_play,
    list_reports,
    list_rules,
    orders,
    placing,
    prevention,
    refusals,
    replacing,
    reports,
)
from fixengine.simulator.accounts import (
    MAKER_DECREMENT,
    PPM,
    TAKER_DECREMENT,
    Account,
    PlacedOrder,
    Wait,
)
from fixengine.simulator.book import BUY, SELL
from fixengine.simulator.checks import Checks
from fixengine.simulator.choices import choose
from fixengine.simulator.house import House
from fixengine.simulator.instruments import Instrument, amount
from fixengine.simulator.list_rules import Plan
from fixengine.simulator.lists import OrderList
from fixengine.simulator.market import Market
from fixengine.simulator.orders import FOK, Terms
from fixengine.simulator.refusals import Refusal
from fixengine.simulator.reports import Answer, Match

BOOK_ORDERS_MAX = 100_000


class Exchange:
    """All symbols and the house.

    limits: whether limits that count orders hold (open orders per symbol, unfilled orders).
    watchers: told of each request's answers and of its time, as soon as it is carried out.
    house: whether there is any house liquidity. choices: see choices.py; raises ChoiceError.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        *,
        limits: bool = True,
        house: bool = True,
        choices: Mapping[str, str] | None = None,
    ) -> None:
        self.markets = {item.symbol: Market(item) for item in instruments}
        self.house = House()
        self._choices = choose(choices or {})
        self._checks = Checks(limits)
        self._list_id = 0
        self.watchers: list[Callable[[list[Answer], int], None]] = []
        self._has_house = house

    # --- requests ---------------------------------------------------------------------------

    def new_order(self, account: Account, request: Any, now: int) -> list[Answer] | Complaint:
        """Carry out a NewOrderSingle.

        request: anything with the names of the venue's table as attributes (the plan's fields, or
        messages.NewOrderSingle), its syntax already checked. now: wall clock ns. A Complaint means
        Reject<3>: the message was wrong and nothing happened.
        """
        found = self._read(request)
        if isinstance(found, Complaint):
            return found
        market, terms = found
        refusal = self._checks.filtered(account, market, request, terms) or self._checks.too_many(
            account, now
        )
        if refusal is not None:
            return self._told([reports.refused(account, request, terms, refusal, now)], now)
        account.unfilled.placed(now)
        return self._told(self._enter(account, market, request, terms, now), now)

    def new_list(self, account: Account, request: Any, now: int) -> list[Answer] | Complaint:
        """Carry out a NewOrderList; arguments as for `new_order`."""
        plan = list_rules.read(request)
        if isinstance(plan, Complaint):
            return plan
        market = self.markets.get(plan.symbol)
        if market is None:
            return refusals.BAD_SYMBOL
        if len(market) >= BOOK_ORDERS_MAX:
            return refusals.BUSY
        found = self._checks.list_refused(account, market, plan, now)
        if found is None:
            for _ in plan.legs:
                account.unfilled.placed(now)
            placed = self._place_list(account, market, plan, now)
            if not isinstance(placed, Refusal):
                answers = list_placing.accepted(market, placed, now)
                for order in placed.orders:
                    if order.waits is None:
                        answers += self._execute(market, order, now)
                return self._told(answers, now)
            found = placed
        return self._told([list_reports.refused(account, plan, found, self._choices, now)], now)

    def cancel(self, account: Account, request: Any, now: int) -> list[Answer] | Complaint:
        """Carry out an OrderCancelRequest; arguments as for `new_order`."""
        market = self.markets.get(request.symbol)
        if market is None:
            return refusals.BAD_SYMBOL
        order_id, orig_cl_ord_id = request.order_id, request.orig_cl_ord_id
        by_list = request.list_id is not None or request.orig_cl_list_id is not None
        if order_id is None and orig_cl_ord_id is None:
            if by_list:
                chosen = self._choices
                answer = cancelling.cancel_list(account, market, request, chosen, now)
                return self._told([answer], now)
            return refusals.missing(37)
        if by_list:
            return refusals.TWO_TARGETS
        cl_ord_id, chosen = request.cl_ord_id, self._choices
        return self._told(
            [cancelling.cancel(account, market, request, cl_ord_id, chosen, now)], now
        )

    def cancel_replace(self, account: Account, request: Any, now: int) -> list[Answer] | Complaint:
        """Carry out an OrderCancelRequestAndNewOrderSingle; arguments as for `new_order`."""
        found = self._read(request)
        if isinstance(found, Complaint):
            return found
        if request.order_id is None and request.orig_cl_ord_id is None:
            return refusals.missing(37)
        market, terms = found

        def refuse(refusal: Refusal) -> list[Answer]:
            return [reports.refused(account, request, terms, refusal, now)]

        def cancel() -> list[Answer]:
            name = request.cancel_cl_ord_id or request.cl_ord_id
            answer = cancelling.cancel(account, market, request, name, self._choices, now)
            return [answer, *list_play.settle(market, self._choices, now)]

        refusal = self._checks.filtered(account, market, request, terms)
        if refusal is not None:
            return self._told(refuse(refusal), now)
        too_many = self._checks.too_many(account, now)
        if too_many is None:
            # Also where the new order will not be attempted.
            account.unfilled.placed(now)
        enter = partial(self._enter, account, market, request, terms, now)
        return self._told(replacing.replace(request, too_many, cancel, enter, refuse), now)

    def amend(self, account: Account, request: Any, now: int) -> list[Answer] | Complaint:
        """Carry out an OrderAmendKeepPriorityRequest; arguments as for `new_order`."""
        market = self.markets.get(request.symbol)
        if market is None:
            return refusals.BAD_SYMBOL
        if request.order_id is None and request.orig_cl_ord_id is None:
            return refusals.missing(37)
        quantity = orders.quantity(request.order_qty, refusals.ORDER_QTY, "order_qty")
        if isinstance(quantity, Complaint):
            return quantity
        chosen = self._choices
        return self._told(amending.amend(account, market, request, quantity, chosen, now), now)

    def mass_cancel(self, account: Account, request: Any, now: int) -> list[Answer] | Complaint:
        """Carry out an OrderMassCancelRequest; arguments as for `new_order`."""
        market = self.markets.get(request.symbol)
        if market is None:
            return refusals.BAD_SYMBOL
        chosen = self._choices
        return self._told(cancelling.cancel_all(account, market, request, chosen, now), now)

    def tick(self, now: int) -> list[Answer]:
        """Let the house trade and quote; see house.py. now: wall clock ns."""
        answers: list[Answer] = []
        for market in self.markets.values():
            if market.touched and self._has_house:
                for side in (BUY, SELL):
                    taker = self.house.taker(market, side)
                    if taker is not None:
                        answers += self._match(market, taker, now, reports.utc(now))
                self.house.quote(market)
                market.touched = False
        return self._told(answers, now)

    def _told(self, answers: list[Answer], now: int) -> list[Answer]:
        """Carry out what the trades behind these answers have set off, and tell the watchers."""
        for market in self.markets.values():
            answers += list_play.settle(market, self._choices, now)
            while market.due:
                answers += self._set_off(market, market.due.popleft(), now)
                answers += list_play.settle(market, self._choices, now)
        for watch in self.watchers if answers else ():
            watch(answers, now)
        return answers

    # --- placing ----------------------------------------------------------------------------

    def _read(self, request: Any) -> tuple[Market, Terms] | Complaint:
        """The market and the terms of a new order."""
        market = self.markets.get(request.symbol)
        if market is None:
            return refusals.BAD_SYMBOL
        terms = orders.read(request)
        if isinstance(terms, Complaint):
            return terms
        return refusals.BUSY if len(market) >= BOOK_ORDERS_MAX else (market, terms)

    def _enter(
        self, account: Account, market: Market, request: Any, terms: Terms, now: int
    ) -> list[Answer]:
        """Give an order to the matching engine, which may refuse it still."""
        placed = self._place(account, market, request, terms, now)
        if isinstance(placed, Refusal):
            return [reports.refused(account, request, terms, placed, now)]
        return self._begin(market, placed, now)

    def _place(
        self, account: Account, market: Market, request: Any, terms: Terms, now: int
    ) -> PlacedOrder | Refusal:
        return placing.place(account, market, request, terms, now)

    def _place_list(
        self, account: Account, market: Market, plan: Plan, now: int
    ) -> OrderList | Refusal:
        self._list_id += 1
        return list_placing.place(account, market, plan, self._list_id, now)

    # --- matching ---------------------------------------------------------------------------

    def _begin(self, market: Market, order: PlacedOrder, now: int) -> list[Answer]:
        """Report an accepted order; it goes to work, or waits for its trigger."""
        accepted = reports.accepted(order, market.next_exec_id(), reports.utc(now))
        if order.trigger is None:
            return [accepted, *self._execute(market, order, now)]
        market.stops.add(order, order.trigger)
        return [accepted]

    def _set_off(self, market: Market, order: PlacedOrder, now: int) -> list[Answer]:
        """An order that waited goes to work, or waits for its price, or ends where it may not."""
        released, stamp = order.waits is Wait.RELEASE, reports.utc(now)
        order.waits = Wait.TRIGGER if released and order.trigger is not None else None
        refusal = placing.refused_now(market, order) if released else None
        others: list[Answer] = []
        if order.order_list is not None:
            # What the other one of its pair has locked is free before this one has to be paid for.
            order.order_list.touch()
            others = list_play.settle(market, self._choices, now)
        if refusal is not None or not order.account.relock(order, market.cost(order)):
            order.account.closed(order)
            why = reports.REFUSED_LATER
            return [reports.expired(order, market.next_exec_id(), why, stamp), *others]
        if order.waits is Wait.TRIGGER and order.trigger is not None:
            market.stops.add(order, order.trigger)
            accepted = reports.accepted(order, market.next_exec_id(), stamp)
            return [accepted._replace(ack=False), *others]
        started = reports.started(order, market.next_exec_id(), stamp)
        return [started, *others, *self._execute(market, order, now)]

    def _execute(self, market: Market, order: PlacedOrder, now: int) -> list[Answer]:
        """Let an order trade, and put away or end what is left."""
        book, stamp = market.book, reports.utc(now)
        time_in_force = order.columns["time_in_force"]
        market.touched = True
        answers: list[Answer] = []
        if time_in_force != FOK or prevention.fillable(book, order):
            answers += self._match(market, order, now, stamp)
        if order.leaves_qty == 0:
            order.account.closed(order)
        elif order.may_rest:
            book.rest(order)
        else:
            reason = reports.UNFILLED_IOC
            if order.price is None:
                reason = reports.NO_LIQUIDITY
            elif time_in_force == FOK:
                reason = reports.UNFILLED_FOK
            order.account.closed(order)
            answers.append(reports.expired(order, market.next_exec_id(), reason, stamp))
        return answers

    def _match(self, market: Market, taker: PlacedOrder, now: int, stamp: str) -> list[Answer]:
        answers: list[Answer] = []
        for maker, price, quantity in market.book.match(taker, prevention.applies):
            if quantity == 0:
                answers += prevention.prevent(market, taker, maker, self._choices, stamp)
                continue
            if taker.cum_qty == quantity:
                taker.account.unfilled.filled(TAKER_DECREMENT, now)
            if maker.cum_qty == quantity:
                maker.account.unfilled.filled(MAKER_DECREMENT, now)
            answers += self._matched(market, taker, maker, price, quantity, stamp)
        return answers

    def _matched(
        self,
        market: Market,
        taker: PlacedOrder,
        maker: PlacedOrder,
        price: int,
        quantity: int,
        stamp: str,
    ) -> list[Answer]:
        """Settle and report both sides of one match."""
        answers = []
        trade_id = market.next_trade_id()
        for order in (taker, maker):
            takes = order is taker
            fee = self._settle(order, price, quantity, takes)
            exec_id = market.next_exec_id()
            if not order.account.unlimited:
                match = Match(exec_id, trade_id, price, quantity, takes)
                answers.append(reports.traded(order, match, fee, stamp))
        if maker.leaves_qty == 0:
            maker.account.closed(maker)
        market.traded(price, stamp)
        return answers

    def _settle(
        self, order: PlacedOrder, price: int, quantity: int, takes: bool
    ) -> tuple[int, str]:
        """Move the money of one side of a match; answer the fee and its asset."""
        account, instrument = order.account, order.instrument
        cost = amount(price, quantity)
        if order.side == BUY:
            reserved = cost if order.price is None else amount(order.price, quantity)
            paid, received, asset = cost, quantity, instrument.base
        else:
            reserved, paid, received, asset = quantity, quantity, cost, instrument.quote
        fee = received * (account.taker_ppm if takes else account.maker_ppm) // PPM
        account.traded(order, reserved, paid, received - fee)
        return fee, asset

    def burst(self, account: Account, count: int, now: int) -> list[Answer] | str:
        """Let the house trade count times, a lot step each, with one resting order.

        It is the account's biggest one, and its place in the queue does not matter. A text says
        why that cannot be.
        """
        resting = (order for order in account.by_client_id.values() if not order.waits)
        order = max(resting, key=lambda order: order.leaves_qty, default=None)
        if order is None:
            return "no order rests"
        step = order.instrument.lot.step
        if order.leaves_qty < count * step:
            return f"the biggest resting order is good for {order.leaves_qty // step} trades"
        return [answer for _ in range(count) for answer in self.fill(order, step, now)]

    def fill(self, order: PlacedOrder, quantity: int, now: int) -> list[Answer]:
        """Let the house trade once with a resting order, whatever its place in the queue.

        quantity: at SCALE, up to what is left of the order.
        """
        assert order.price is not None
        market = self.markets[order.instrument.symbol]
        if order.cum_qty == 0:
            order.account.unfilled.filled(MAKER_DECREMENT, now)
        side, price = SELL if order.side == BUY else BUY, order.price
        taker = self.house.order(market, side, price, quantity)
        taker.trade(price, quantity)
        order.trade(price, quantity)
        market.book.traded(order)
        answers = self._matched(market, taker, order, price, quantity, reports.utc(now))
        return self._told(answers, now)
