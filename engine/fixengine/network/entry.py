"""The first look at a request: its id, the run of the engine it is meant for, and its age."""

from __future__ import annotations

from fixengine.messages import (
    CL_ORD_ID,
    RefusedReason,
)
from fixengine.network.intents import OrderRequest, recv_window_ms
from fixengine.network.teller import Reason

MILLISECOND_NS = 1_000_000


class Entry:
    """epoch: of this run. valid_for_ms_max: the longest time a request may ask for.
    recv_window_ms_max: the longest RecvWindow.
    """

    def __init__(self, epoch: int, valid_for_ms_max: int, recv_window_ms_max: int) -> None:
        self.epoch = epoch
        self.recv_window_ms_max = recv_window_ms_max
        self.valid_for_ms_max = valid_for_ms_max

    def check(self, request: OrderRequest, now: int) -> Reason | None:
        """Why a request is not to be looked at further, or None."""
        if not CL_ORD_ID.match(request.cl_ord_id):
            return RefusedReason.INVALID_FIELD, "cl_ord_id: 1..36 of a-z A-Z 0-9 - _", None
        if request.epoch != self.epoch:
            text = f"epoch: {request.epoch} is not this run of the engine ({self.epoch})"
            return RefusedReason.WRONG_EPOCH, text, None
        if not 0 < request.valid_for_ms <= self.valid_for_ms_max:
            text = f"valid_for_ms: expected 1..{self.valid_for_ms_max}, got {request.valid_for_ms}"
            return RefusedReason.INVALID_FIELD, text, None
        window = recv_window_ms(request)
        if not 0 <= window <= self.recv_window_ms_max:
            text = f"recv_window_ms: expected 0..{self.recv_window_ms_max}, got {window}"
            return RefusedReason.INVALID_FIELD, text, None
        if request.sent_ns > now + MILLISECOND_NS:
            text = f"sent_ns: {(request.sent_ns - now) // 1000} us ahead of the engine's clock"
            return RefusedReason.FROM_THE_FUTURE, text, None
        if now > request.sent_ns + request.valid_for_ms * MILLISECOND_NS:
            age_ms = (now - request.sent_ns) // MILLISECOND_NS
            text = f"{age_ms} ms old, valid for {request.valid_for_ms} ms"
            return RefusedReason.TOO_OLD, text, None
        return None
