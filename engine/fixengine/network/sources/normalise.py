"""REST rows and stream events -> the fields of the engine's reports, in FIX's words.

Pure. Each function answers values by the names of the venue table, which are also those of
messages.ExecutionReport; cl_ord_id and orig_cl_ord_id are the ids at the venue, as a plan reads
them from the wire, and what the source does not tell is not in it. A word that FIX has no value
for is kept as it is. Amounts stay the venue's text; only leaves_qty is reckoned.

| source | exec_type | tells of |
|---|---|---|
| order, openOrders, allOrders | none: it is a state | the order as it stands |
| myTrades, myAllocations | F | one fill, nothing of the order's state |
| executionReport | as on a session | both |
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from fixengine import wire
from fixengine.fix.venues.binance import words
from fixengine.messages import ExecType, MiscFee, OrdStatus
from fixengine.network.sources.answers import Allocation, Order, Trade
from fixengine.network.sources.events import Execution

Values = dict[str, Any]

MILLISECOND_NS = 1_000_000
TIME_MS_MAX = ((1 << 63) - 1) // MILLISECOND_NS
EXACT = Context(prec=200)
OPEN = frozenset(
    {OrdStatus.NEW.value, OrdStatus.PARTIALLY_FILLED.value, OrdStatus.PENDING_NEW.value}
)
OTHER_REASON = "99"
EXCHANGE_FEES = "4"
PEGGED = "P"
UP, DOWN = "U", "D"


def order(row: Order) -> Values:
    """An order as REST shows it. transact_time: of its last change."""
    values = _terms(row)
    quote_qty = row.cummulative_quote_qty
    values |= {
        "order_creation_time": utc(row.time),
        "transact_time": utc(row.update_time),
        "cum_qty": row.executed_qty,
        # Historic orders may have lost it.
        "cum_quote_qty": None if quote_qty.startswith("-") else quote_qty,
        "leaves_qty": _leaves(values, row.orig_qty, row.executed_qty, row.prevented_quantity),
        "cash_order_qty": _amount(row.orig_quote_order_qty),
        "order_qty": row.orig_qty,
        "prevented_qty": row.prevented_quantity,
    }
    return _present(values)


def trade(row: Trade) -> Values:
    """One of the account's trades."""
    return _present({**_fill(row), "trade_id": _number(row.id)})


def allocation(row: Allocation) -> Values:
    """A fill that was routed elsewhere: named by its AllocID<70>."""
    return _present({**_fill(row), "alloc_id": _number(row.allocation_id)})


def execution(event: Execution) -> Values:
    """An executionReport of the stream."""
    values = _terms(event)
    exec_type = words.EXECUTIONS.get(event.execution_type, event.execution_type)
    is_trade = exec_type == ExecType.TRADE
    values |= {
        "exec_id": str(event.execution_id),
        "exec_type": exec_type,
        "orig_cl_ord_id": event.orig_client_order_id or None,
        "order_qty": event.order_qty,
        "order_creation_time": utc(event.order_time),
        "transact_time": utc(event.time),
        "cash_order_qty": _amount(event.quote_order_qty),
        "cum_qty": event.executed_qty,
        "leaves_qty": _leaves(values, event.order_qty, event.executed_qty, event.prevented_qty),
        "cum_quote_qty": event.executed_quote_qty,
        "last_qty": event.last_qty,
        "last_px": event.last_price if is_trade else None,
        "trade_id": _number(event.trade_id),
        "alloc_id": _number(event.allocation_id),
        "aggressor_indicator": _flag(not event.is_maker) if is_trade else None,
        "misc_fees": _fees(event.commission, event.commission_asset),
        "match_type": _known(words.MATCH_TYPES, event.match_type),
        "trade_group_id": _number(event.trade_group_id),
        "counter_symbol": event.counter_symbol,
        "counter_order_id": _number(event.counter_order_id),
        "prevented_qty": event.prevented_qty,
        "last_prevented_qty": event.last_prevented_qty,
        "prevented_execution_qty": event.prevented_execution_qty,
        "prevented_execution_price": event.prevented_execution_price,
    }
    if event.reject_reason != words.NO_REASON:
        values["text"] = words.REJECT_TEXTS.get(event.reject_reason, event.reject_reason)
        values["ord_rej_reason"] = OTHER_REASON
    return _present(values)


def utc(at_ms: int | None) -> str | None:
    """Ms since 1970 -> the text of a UTC timestamp; None for none and for what is no time."""
    if at_ms is None or not 0 <= at_ms <= TIME_MS_MAX:
        return None
    return wire.stamp(at_ms * MILLISECOND_NS).decode("ascii")


# --- parts ----------------------------------------------------------------------------------


def _terms(row: Order | Execution) -> Values:
    """What an order is, in the fields that both sources have."""
    kind = words.KINDS_OF_ORDER.get(row.type, words.Kind(row.type))
    side = words.SIDES.get(row.side, row.side)
    direction = None
    if kind.stops is not None:
        buys = side == words.SIDES["BUY"]
        direction = UP if kind.stops == buys else DOWN
    pegged = row.peg_price_type is not None
    return {
        "symbol": row.symbol,
        "order_id": str(row.order_id),
        "cl_ord_id": row.client_order_id,
        "side": side,
        "ord_type": PEGGED if pegged else kind.ord_type,
        "exec_inst": kind.exec_inst,
        "ord_status": words.STATUSES.get(row.status, row.status),
        "price": _amount(row.price),
        "time_in_force": words.TIMES_IN_FORCE.get(row.time_in_force, row.time_in_force),
        "trigger_price": _amount(row.stop_price),
        "trigger_price_direction": direction,
        "trigger_trailing_delta_bips": _number(row.trailing_delta),
        "trailing_time": utc(row.trailing_time),
        "max_floor": _amount(row.iceberg_qty),
        "list_id": _number(row.order_list_id),
        "strategy_id": _number(row.strategy_id),
        "target_strategy": _number(row.strategy_type),
        "self_trade_prevention_mode": _known(
            words.SELF_TRADE_PREVENTIONS, row.self_trade_prevention_mode
        ),
        "working_indicator": _flag(row.is_working),
        "working_time": utc(row.working_time),
        "working_floor": _known(words.WORKING_FLOORS, row.working_floor),
        "sor": _flag(row.used_sor),
        "expiry_reason": _reason(row.expiry_reason),
        "prevented_match_id": _number(row.prevented_match_id),
        "peg_price_type": _known(words.PEG_PRICES, row.peg_price_type),
        "peg_offset_type": _known(words.PEG_OFFSETS, row.peg_offset_type),
        "peg_offset_value": _number(row.peg_offset_value),
        "pegged_price": row.pegged_price,
    }


def _fill(row: Trade | Allocation) -> Values:
    return {
        "symbol": row.symbol,
        "order_id": str(row.order_id),
        "exec_type": ExecType.TRADE.value,
        "side": words.SIDES["BUY" if row.is_buyer else "SELL"],
        "last_px": row.price,
        "last_qty": row.qty,
        "aggressor_indicator": _flag(not row.is_maker),
        "transact_time": utc(row.time),
        "misc_fees": _fees(row.commission, row.commission_asset),
        "list_id": _number(row.order_list_id),
    }


def _leaves(values: Values, ordered: str, executed: str, prevented: str | None) -> str:
    """What may still trade: nothing of an order that has ended."""
    left = Decimal(0)
    if values["ord_status"] in OPEN:
        left = EXACT.subtract(Decimal(ordered), Decimal(executed))
        left = EXACT.subtract(left, Decimal(prevented or 0))
    decimals = max(-int(Decimal(text).as_tuple().exponent) for text in (ordered, executed))
    return f"{left:.{max(0, decimals)}f}"


def _fees(amount: str, asset: str | None) -> tuple[MiscFee, ...] | None:
    if asset is None or not Decimal(amount):
        return None
    return (MiscFee(amount, asset, EXCHANGE_FEES),)


def _amount(text: str) -> str | None:
    """An amount for which the venue writes zero where there is none."""
    return text if Decimal(text) else None


def _number(value: int | None) -> str | None:
    """An id for which the venue writes -1, or nothing, where there is none."""
    return None if value is None or value < 0 else str(value)


def _flag(value: bool | None) -> str | None:
    return None if value is None else "Y" if value else "N"


def _known(table: Mapping[str, str], value: str | None) -> str | None:
    return None if value is None else table.get(value, value)


def _reason(value: str | None) -> str | None:
    return None if value == words.NO_REASON else _known(words.EXPIRY_REASONS, value)


def _present(values: Values) -> Values:
    return {name: value for name, value in values.items() if value is not None}
