"""What a strategy may send, besides a new order."""

from __future__ import annotations

from fixengine.messages.base import Message


class Hello(Message):
    """First message on every new connection: binds this socket to a strategy.

    resume_from: the report_seq the strategy expects next; None takes what the engine offers.
    wants_sent: also deliver Sent once bytes of an order were given to TLS.
    token: the strategy's secret where the engine asks for one; masked in the journal.
    """

    strategy: str
    token: str | None = None
    resume_from: int | None = None
    wants_sent: bool = False
    client: str = ""


class OrderCancelRequest(Message):
    """A cancel (MsgType F) of one own order.

    cl_ord_id is the id of this request; orig_cl_ord_id the strategy's id of the order. The engine
    writes its own symbol and order_id of that order, whatever stands here, and refuses the cancel
    of an order that it does not know.
    """

    cl_ord_id: str = ""
    epoch: int = 0
    sent_ns: int = 0
    valid_for_ms: int = 0
    orig_cl_ord_id: str = ""
    symbol: str | None = None
    order_id: str | None = None
    cancel_restrictions: str | None = None


class Ack(Message):
    """The strategy has processed every event up to and including report_seq."""

    report_seq: int


class SnapshotRequest(Message):
    """Ask for a Snapshot. request_id: comes back in each part of the answer."""

    request_id: int


class BalancesRequest(Message):
    """Ask for Balances. request_id: comes back in the answer."""

    request_id: int
