"""A cancel and a new order in its place, in one request (OrderCancelRequestAndNewOrderSingle).

Filters and the unfilled order count come before both halves, so they see what was open before. Then
comes the cancel, and at once the new order. Each half has an answer of its own, the cancel's first:

                                STOP_ON_FAILURE           ALLOW_FAILURE
    both are done               CANCELED, NEW             the same
    the cancel is refused       OrderCancelReject         OrderCancelReject, NEW
    the new order is refused    CANCELED, REJECTED        the same
    both are refused            OrderCancelReject         OrderCancelReject, REJECTED
    the filters refuse it       REJECTED, and nothing else has happened
    too many orders: DO_NOTHING the same; CANCEL_ONLY as if the new order were refused

A half that was not attempted is not told of. Source: spec sections 9.5 and 22.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixengine.fix import fields
from fixengine.simulator.refusals import Refusal
from fixengine.simulator.reports import Answer

STOP_ON_FAILURE = "1"
CANCEL_ONLY = "2"


def replace(
    request: Any,
    too_many: Refusal | None,
    cancel: Callable[[], list[Answer]],
    enter: Callable[[], list[Answer]],
    refuse: Callable[[Refusal], list[Answer]],
) -> list[Answer]:
    """Do both halves of a request that the filters let pass; the answers in order.

    too_many: the refusal of an account that may place no further order. cancel, enter: do one half;
    refuse: answer the new order with a refusal.
    """
    if too_many is not None and request.order_rate_limit_exceeded_mode != CANCEL_ONLY:
        return refuse(too_many)
    answers = cancel()
    failed = answers[0].kind == fields.ORDER_CANCEL_REJECT
    if failed and request.order_cancel_request_and_new_order_single_mode == STOP_ON_FAILURE:
        return answers
    return answers + (enter() if too_many is None else refuse(too_many))
