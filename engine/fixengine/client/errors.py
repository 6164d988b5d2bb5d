"""What a client raises. Each text names the thing and the next step."""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """Base of everything a client raises, except TypeError and ValueError for bad arguments."""


class NotConnected(ClientError):
    """There is no engine to talk to now. The request, if there was one, was not sent."""


class HelloRefused(ClientError):
    """The engine refused this strategy. reason: a RefusedReason; text: the engine's words."""

    def __init__(self, strategy: str, reason: str, text: str) -> None:
        super().__init__(f"the engine refused strategy {strategy!r} ({reason}): {text}")
        self.reason = reason
        self.text = text


class NoAnswer(ClientError):
    """A request was sent and nothing was heard of it in time: its outcome is not known.

    It may be live at the venue. Iteration can be taken up again with a new `reports()`; an
    answer that comes late is still handed over. cl_ord_id: the id of the request. events: raised by
    `submit_and_wait`, what that had heard by then.
    """

    events: tuple[Any, ...] = ()

    def __init__(self, cl_ord_id: str, answer_timeout_ms: int) -> None:
        super().__init__(
            f"no answer to {cl_ord_id!r} within {answer_timeout_ms} ms: it may be live; keep"
            " reading reports(), or ask the venue before you replace it"
        )
        self.cl_ord_id = cl_ord_id


class NotDone(ClientError):
    """`submit_and_wait` waited long enough: the order was sent and is not as far as was asked.

    cl_ord_id: its id. events: what was heard meanwhile, in order; `reports` brings what follows.
    """

    def __init__(self, cl_ord_id: str, until: str, events: tuple[Any, ...]) -> None:
        super().__init__(
            f"{cl_ord_id!r} is not {until} yet, and may be live; read reports(), or cancel it"
        )
        self.cl_ord_id = cl_ord_id
        self.events = events


class NoBalances(ClientError):
    """The engine cannot tell what the account has; the text is its reason."""


class NoLimits(ClientError):
    """The engine cannot tell what the venue counts; the text is its reason."""


class NoInstrument(ClientError):
    """The engine cannot tell the rules of a symbol; the text is its reason."""


class TooManyUnanswered(ClientError):
    """Too many requests wait for an answer that was not read yet. The request was not sent."""
