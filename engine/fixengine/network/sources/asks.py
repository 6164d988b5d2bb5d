"""What may be asked of the venue, as values: one function for each question.

Each makes an `Ask`: a call of the venue table with its parameters. Answers are lists of rows, in
the order of the venue; which kind of row stands with each function. Nothing is sent here.
"""

from __future__ import annotations

import msgspec

from fixengine.network.sources import answers

TRADES_A_PAGE = 1000
Value = str | int
INSTRUMENTS = "exchangeInfo"
KEPT = "keptInstruments"
"""No call of the venue's: the process that asks answers it from its own file."""


class Ask(msgspec.Struct, frozen=True):
    """A question. page_by: the parameter that takes the next page, from an id on; "" without."""

    call: str
    parameters: dict[str, Value] = {}
    page_by: str = ""


ROWS: dict[str, type[answers.Answer]] = {
    "time": answers.ServerTime,
    "openOrders": answers.Order,
    "order": answers.Order,
    "allOrders": answers.Order,
    "myTrades": answers.Trade,
    "myAllocations": answers.Allocation,
    "account": answers.Account,
    INSTRUMENTS: answers.Symbol,
}
"""Call -> what its rows are, after an account the balances besides."""


def time() -> Ask:
    """The venue's clock: one ServerTime."""
    return Ask("time")


def open_orders(symbol: str | None = None) -> Ask:
    """Orders on the account that may still trade, whoever placed them. All symbols weigh 80, one 6.

    An open order has neither execution ids nor a list of its trades here.
    """
    return Ask("openOrders", given(symbol=symbol))


def order(symbol: str, *, order_id: int | None = None, client_order_id: str | None = None) -> Ask:
    """One order, by OrderID or by its present client id; at least one of them.

    A refusal with -2013 is no proof that it never lived: it may not be visible yet, or a cancel
    has renamed it. Raises ValueError where both ids are None.
    """
    if order_id is None and client_order_id is None:
        raise ValueError("order: give order_id or client_order_id")
    return Ask("order", given(symbol=symbol, orderId=order_id, origClientOrderId=client_order_id))


def all_orders(
    symbol: str, *, from_order_id: int | None = None, start_ms: int | None = None
) -> Ask:
    """Orders of a symbol, ended ones too: all from an OrderID on; without it at most 1000, the
    oldest from start_ms on, or else the newest. Read from a slower copy of the venue's.
    """
    if from_order_id is None:
        return Ask("allOrders", given(symbol=symbol, limit=TRADES_A_PAGE, startTime=start_ms))
    first = given(symbol=symbol, limit=TRADES_A_PAGE, orderId=from_order_id)
    return Ask("allOrders", first, "orderId")


def trades(
    symbol: str,
    *,
    from_id: int | None = None,
    order_id: int | None = None,
    start_ms: int | None = None,
) -> Ask:
    """Trades, all of them, page by page: from a TradeID on, or of one order, or from a time on.

    One of the three has to be given, so that it is said where to begin; from_id goes with order_id.
    Raises ValueError otherwise.
    """
    if from_id is None and order_id is None and start_ms is None:
        raise ValueError("trades: give from_id, order_id or start_ms")
    if start_ms is not None and (from_id is not None or order_id is not None):
        raise ValueError("trades: the venue takes start_ms alone, not beside an id")
    parameters = given(
        symbol=symbol, limit=TRADES_A_PAGE, fromId=from_id, orderId=order_id, startTime=start_ms
    )
    return Ask("myTrades", parameters, "fromId")


def allocations(symbol: str, *, from_id: int = 0, order_id: int | None = None) -> Ask:
    """Fills that the venue routed elsewhere, page by page, from an AllocID on."""
    parameters = given(
        symbol=symbol, limit=TRADES_A_PAGE, fromAllocationId=from_id, orderId=order_id
    )
    return Ask("myAllocations", parameters, "fromAllocationId")


def account() -> Ask:
    """One Account, then a Balance for each asset; an asset without one has nothing."""
    return Ask("account", {"omitZeroBalances": "true"})


def instruments(symbols: tuple[str, ...]) -> Ask:
    """Symbols with their assets and filters. Raises ValueError for no symbol or more than 100."""
    if not 1 <= len(symbols) <= 100:
        raise ValueError(f"instruments: expected 1..100 symbols, got {len(symbols)}")
    return Ask(INSTRUMENTS, {"symbols": msgspec.json.encode(symbols).decode()})


def kept_instruments() -> Ask:
    """What the venue told of symbols in earlier runs, from disk, each with its date."""
    return Ask(KEPT)


def given(**parameters: Value | None) -> dict[str, Value]:
    """Those that are there."""
    return {name: value for name, value in parameters.items() if value is not None}
