"""What the venue's REST API answers, as typed values; ids are numbers, amounts the venue's text.

Field names follow the venue's JSON in snake case. What an answer has beyond these fields is passed
over; words of an enumeration stay as they are, also new ones. `Problem` is the answer where there
is none: a value, never an exception.

Every one is also what crosses the pipe from the process that asks (see worker.py), so the structs
are tagged. Source: REST and stream notes, section 5.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from typing import Annotated, get_args, get_origin

import msgspec

NONE_GIVEN = -1
"""What the venue writes where an id or a time has no value."""
Amount = Annotated[str, msgspec.Meta(description="an amount")]
"""The venue's own text of a number. It is looked at by `unsound`, in the process that asks: msgspec
would match a pattern again in the network process, where it makes reading ten times as slow."""
NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?\Z", re.ASCII)


def unsound(row: msgspec.Struct) -> str | None:
    """The first amount of a row that is no number, as "name 'text'"; None where all are."""
    for name, is_group in amounts_of(type(row)):
        value = getattr(row, name)
        if is_group:
            for one in value:
                if found := unsound(one):
                    return found
        elif value is not None and not NUMBER.match(value):
            return f"{name} {value[:40]!r}"
    return None


@cache
def amounts_of(kind: type[msgspec.Struct]) -> tuple[tuple[str, bool], ...]:
    """(field, whether it is a group) of each field that holds an amount, or rows that may."""
    found = []
    for field in msgspec.structs.fields(kind):
        parts = get_args(field.type)
        if get_origin(field.type) is tuple and issubclass(parts[0], msgspec.Struct):
            found.append((field.name, True))
        elif field.type == Amount or Amount in parts:
            found.append((field.name, False))
    return tuple(found)


class Answer(msgspec.Struct, frozen=True, tag=True, tag_field="kind", rename="camel", gc=False):
    """Base of all."""


class ServerTime(Answer, frozen=True, gc=False):
    """The venue's clock, ms since 1970."""

    server_time: int


class Order(Answer, frozen=True, gc=False):
    """An order as the venue knows it at this moment; see normalise.py for FIX's words.

    client_order_id: its present one; a cancel renames an order. working_time: -1 if it never stood
    on the book. cummulative_quote_qty: below zero where the venue does not know it.
    """

    symbol: str
    order_id: int
    client_order_id: str
    price: Amount
    orig_qty: Amount
    executed_qty: Amount
    status: str
    time_in_force: str
    type: str
    side: str
    time: int
    update_time: int
    order_list_id: int = NONE_GIVEN
    # The venue's own spelling.
    cummulative_quote_qty: Amount = "0"
    stop_price: Amount = "0"
    iceberg_qty: Amount = "0"
    is_working: bool = False
    working_time: int = NONE_GIVEN
    orig_quote_order_qty: Amount = "0"
    self_trade_prevention_mode: str = "NONE"
    expiry_reason: str | None = None
    strategy_id: int | None = None
    strategy_type: int | None = None
    trailing_delta: int | None = None
    trailing_time: int | None = None
    prevented_match_id: int | None = None
    prevented_quantity: Amount | None = None
    used_sor: bool | None = None
    working_floor: str | None = None
    peg_price_type: str | None = None
    peg_offset_type: str | None = None
    peg_offset_value: int | None = None
    pegged_price: Amount | None = None


class Trade(Answer, frozen=True, gc=False):
    """One of the account's trades. id: TradeID<1003>, shared by both sides where both are ours."""

    symbol: str
    id: int
    order_id: int
    price: Amount
    qty: Amount
    quote_qty: Amount
    commission: Amount
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool
    order_list_id: int = NONE_GIVEN


class Allocation(Answer, frozen=True, gc=False):
    """A fill that the venue routed elsewhere: it has an AllocID<70> in place of a TradeID."""

    symbol: str
    allocation_id: int
    allocation_type: str
    order_id: int
    price: Amount
    qty: Amount
    quote_qty: Amount
    commission: Amount
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool
    is_allocator: bool = False
    order_list_id: int = NONE_GIVEN


class Balance(Answer, frozen=True, gc=False):
    """One asset of the account."""

    asset: str
    free: Amount
    locked: Amount


class Account(Answer, frozen=True, gc=False):
    """The account. update_time: of its last change, ms since 1970. balances: empty where they
    follow as rows of their own.
    """

    can_trade: bool
    update_time: int
    balances: tuple[Balance, ...] = ()
    account_type: str = ""
    permissions: tuple[str, ...] = ()
    uid: int | None = None


class Filter(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A rule of a symbol, with whichever of these the venue gives it."""

    filter_type: str
    min_price: str | None = None
    max_price: str | None = None
    tick_size: str | None = None
    min_qty: str | None = None
    max_qty: str | None = None
    step_size: str | None = None
    min_notional: str | None = None
    max_notional: str | None = None
    max_num_orders: int | None = None
    limit: int | None = None
    min_trailing_above_delta: int | None = None
    max_trailing_above_delta: int | None = None
    min_trailing_below_delta: int | None = None
    max_trailing_below_delta: int | None = None


class Symbol(Answer, frozen=True, gc=False):
    """One symbol of exchangeInfo. told_ms: when the venue told it, ms since 1970."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: tuple[Filter, ...] = ()
    base_asset_precision: int = 8
    quote_asset_precision: int = 8
    told_ms: int = 0


class ExchangeInfo(msgspec.Struct, frozen=True, rename="camel"):
    """What exchangeInfo answers, as far as anybody here reads it."""

    symbols: tuple[Symbol, ...]
    server_time: int = 0

    @property
    def rows(self) -> tuple[Symbol, ...]:
        """The symbols, each with the time."""
        told = self.server_time
        return tuple(msgspec.structs.replace(one, told_ms=told) for one in self.symbols)


class Because(StrEnum):
    """Why there is no answer (Problem.because)."""

    REFUSED = "refused"
    """The venue said no, with a code; asking again changes nothing."""
    LIMITED = "limited"
    """Its limit on requests, or our share of it; see retry_after_ms."""
    FAILED = "failed"
    """No usable answer: no connection, no time left, not what was expected."""


class Problem(Answer, frozen=True, gc=False):
    """Why there is no answer. because: one of Because. status: of HTTP, 0 without; code: the
    venue's. retry_after_ms: how long from now nothing goes, where that is known.
    """

    because: str
    text: str
    status: int = 0
    code: int | None = None
    retry_after_ms: int | None = None


class Refusal(msgspec.Struct, frozen=True):
    """The body of a refusal."""

    code: int
    msg: str
