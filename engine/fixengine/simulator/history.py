"""What the venue remembers of accounts: every order as its last report left it, and every trade.

It watches the exchange and reads its reports, so it tells what the sessions were told, also of an
order whose answer was withheld from its session. No clock and no I/O. Orders are found by symbol
and order id, or by their present client id: a cancel renames its order and frees the old id.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fixengine.fix import fields
from fixengine.simulator import reports
from fixengine.simulator.accounts import Account
from fixengine.simulator.instruments import amount, text_of, units
from fixengine.simulator.reports import Answer

ORDERS_MAX = 200_000
"""Orders of one account; of more, the oldest that are done are forgotten."""
TRADES_MAX = 200_000
"""Trades of one account and symbol; of more, the older half is forgotten."""
ALIVE = (reports.NEW, reports.PENDING_NEW, reports.PARTIALLY_FILLED)


@dataclass(slots=True)
class Past:
    """An order. values: of its last report; times: wall clock ns of its first and last one."""

    values: dict[str, Any]
    opened_ns: int
    updated_ns: int

    @property
    def alive(self) -> bool:
        """Whether it may still trade."""
        return self.values["ord_status"] in ALIVE

    @property
    def order_id(self) -> int:
        """Unique within its symbol."""
        return int(self.values["order_id"])


class Trade(NamedTuple):
    """One side of a match. values: of the report of it; quote_qty: what it cost or brought."""

    trade_id: int
    order_id: int
    traded_ns: int
    quote_qty: str
    values: dict[str, Any]


@dataclass(slots=True)
class Memory:
    """One account. by_client_id: order ids by symbol and present client id."""

    orders: dict[tuple[str, int], Past] = field(default_factory=dict)
    by_client_id: dict[tuple[str, str], int] = field(default_factory=dict)
    trades: dict[str, list[Trade]] = field(default_factory=dict)
    updated_ns: int = 0


class History:
    """See the module's top."""

    def __init__(self) -> None:
        self._accounts: dict[str, Memory] = {}

    def note(self, answers: list[Answer], now: int) -> None:
        """Remember what became of orders. now: wall clock ns."""
        for answer in answers:
            if answer.push and answer.kind == fields.EXECUTION_REPORT:
                self._report(self.of(answer.account), answer.values, now)

    def of(self, account: Account) -> Memory:
        """All of one account."""
        return self._accounts.setdefault(account.name, Memory())

    def find(
        self, account: Account, symbol: str, order_id: int | None, client_id: str | None
    ) -> Past | None:
        """An order by its id, or by its present client id."""
        memory = self.of(account)
        if order_id is None:
            order_id = memory.by_client_id.get((symbol, client_id or ""))
        return None if order_id is None else memory.orders.get((symbol, order_id))

    def open_orders(self, account: Account, symbol: str | None) -> list[Past]:
        """What may still trade, of one symbol or of all."""
        keys = account.by_order_id if symbol is None else _of_symbol(account, symbol)
        orders = self.of(account).orders
        return [orders[key] for key in keys if key in orders]

    def all_orders(self, account: Account, symbol: str) -> list[Past]:
        """Every order of a symbol, ids ascending."""
        found = self.of(account).orders.items()
        return sorted(
            (past for (at, _), past in found if at == symbol), key=lambda past: past.order_id
        )

    def trades(self, account: Account, symbol: str) -> list[Trade]:
        """Every trade of a symbol, ids and times ascending."""
        return self.of(account).trades.get(symbol, [])

    def _report(self, memory: Memory, values: dict[str, Any], now: int) -> None:
        symbol, order_id = values["symbol"], int(values["order_id"])
        memory.updated_ns = now
        past = memory.orders.get((symbol, order_id))
        if past is None:
            past = memory.orders[symbol, order_id] = Past(values, now, now)
            if len(memory.orders) > ORDERS_MAX:
                self._forget_orders(memory)
        else:
            # An order that is done gets no further report, so this is not yet another order's id.
            memory.by_client_id.pop((symbol, past.values["cl_ord_id"]), None)
            past.values, past.updated_ns = values, now
        memory.by_client_id[symbol, values["cl_ord_id"]] = order_id
        if values["exec_type"] == reports.TRADE:
            cost = amount(units(values["last_px"]), units(values["last_qty"]))
            trades = memory.trades.setdefault(symbol, [])
            trades.append(Trade(int(values["trade_id"]), order_id, now, text_of(cost), values))
            if len(trades) > TRADES_MAX:
                del trades[: TRADES_MAX // 2]

    def _forget_orders(self, memory: Memory) -> None:
        done = [key for key, past in memory.orders.items() if not past.alive][: ORDERS_MAX // 2]
        for symbol, order_id in done:
            past = memory.orders.pop((symbol, order_id))
            name = (symbol, past.values["cl_ord_id"])
            if memory.by_client_id.get(name) == order_id:
                del memory.by_client_id[name]


def from_id(trades: list[Trade], trade_id: int) -> list[Trade]:
    """Trades with this id or a higher one."""
    return trades[bisect_left(trades, trade_id, key=lambda trade: trade.trade_id) :]


def _of_symbol(account: Account, symbol: str) -> list[tuple[str, int]]:
    return [key for key in account.by_order_id if key[0] == symbol]
