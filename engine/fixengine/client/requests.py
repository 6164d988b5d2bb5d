"""What a strategy can ask of the venue, as the methods of both clients. None of them waits."""

from __future__ import annotations

from fixengine.client.arguments import check_id, check_text
from fixengine.messages import (
    Amount,
    CancelReplaceMode,
    CancelRestrictions,
    NewOrderList,
    NewOrderSingle,
    OrderAmendKeepPriorityRequest,
    OrderCancelRequest,
    OrderCancelRequestAndNewOrderSingle,
    OrderMassCancelRequest,
)
from fixengine.messages.rules import check_choice

Asked = (
    NewOrderSingle
    | OrderCancelRequest
    | OrderMassCancelRequest
    | OrderCancelRequestAndNewOrderSingle
    | OrderAmendKeepPriorityRequest
    | NewOrderList
)
"""Requests that have an id and an answer."""


class Requests:
    """The methods; a client says how a request is sent."""

    def _request(self, request: Asked) -> str:
        raise NotImplementedError

    def submit(self, order: NewOrderSingle) -> str:
        """Send an order now and return its cl_ord_id; never waits.

        The order is left unchanged: a copy goes out with epoch, sent_ns, valid_for_ms (where 0,
        the client's) and, where cl_ord_id is empty, a new id that no run of any strategy has
        used. So submitting the same object twice sends two orders, unless it has an id of its
        own, which makes the second a repetition that the engine answers from its record.

        Raises, in each case without having sent anything: NotConnected where there is no
        welcomed connection or the engine does not read; TypeError for a float or another value
        of a wrong type; ValueError for an id, an amount, valid_for_ms or text that is malformed,
        and for more than MESSAGE_BYTES_MAX bytes in all; TooManyUnanswered. A return means:
        given to the connection. What became of it comes from `reports`, and so does NoAnswer,
        not before answer_timeout_ms: who stops reading earlier is told of no silence, and finds
        the requests in question in `unanswered`.
        """
        if not isinstance(order, NewOrderSingle):
            raise TypeError(f"submit: expected NewOrderSingle, not {type(order).__name__}")
        return self._request(order)

    def cancel(
        self,
        orig_cl_ord_id: str = "",
        *,
        cl_ord_id: str = "",
        order_id: str | None = None,
        symbol: str | None = None,
        cancel_restrictions: str | None = None,
        valid_for_ms: int | None = None,
        recv_window_ms: int = 0,
    ) -> str:
        """Send a cancel of the order orig_cl_ord_id now and return the cancel's own cl_ord_id.

        In its place order_id, OrderID<37> of its reports, names it together with its symbol. Only
        an own order that the engine knows can be cancelled; others, and one of which both ids are
        given and contradict each other, are refused (unknown_order). cancel_restrictions: a
        CancelRestrictions. valid_for_ms: None or 0 for the client's. recv_window_ms: 0 for the
        engine's, as of an order.
        Raises as `submit` does.
        """
        if orig_cl_ord_id or order_id is None or symbol is None:
            check_id("orig_cl_ord_id", orig_cl_ord_id)
        check_choice("cancel_restrictions", cancel_restrictions, CancelRestrictions)
        return self._request(
            OrderCancelRequest(
                cl_ord_id=cl_ord_id,
                valid_for_ms=valid_for_ms or 0,
                orig_cl_ord_id=orig_cl_ord_id,
                symbol=symbol,
                order_id=order_id,
                cancel_restrictions=cancel_restrictions,
                recv_window_ms=recv_window_ms,
            )
        )

    def _send(self, order: NewOrderSingle | NewOrderList) -> str:
        """Either kind."""
        if isinstance(order, NewOrderList):
            return self.submit_list(order)
        return self.submit(order)

    def submit_list(self, order_list: NewOrderList) -> str:
        """Send a list of orders, made by `oco` and so on, and return its cl_list_id.

        An order of it that has no id gets that of the list with "-0", "-1", "-2" behind it. Its
        answer is a ListStatus; then each order has its own reports, and the cancel of one ends them
        all. As `submit` otherwise.
        """
        if not isinstance(order_list, NewOrderList):
            raise TypeError(f"submit_list: expected NewOrderList, not {type(order_list).__name__}")
        return self._request(order_list)

    def cancel_replace(
        self,
        orig_cl_ord_id: str,
        order: NewOrderSingle,
        *,
        mode: str = CancelReplaceMode.STOP_ON_FAILURE,
        rate_limit_exceeded_mode: str | None = None,
        cancel_restrictions: str | None = None,
        cancel_cl_ord_id: str = "",
    ) -> str:
        """Cancel orig_cl_ord_id and place order, in one message, and return the order's cl_ord_id.

        The venue cancels first, and each half is answered for itself: the cancel under
        cancel_cl_ord_id, with orig_cl_ord_id beside it. See OrderCancelRequestAndNewOrderSingle.
        Raises as `submit` does, and ValueError for what cannot come in the place of an order.
        """
        check_id("orig_cl_ord_id", orig_cl_ord_id)
        return self._request(
            OrderCancelRequestAndNewOrderSingle.replacing(
                orig_cl_ord_id,
                order,
                mode=mode,
                rate_limit_exceeded_mode=rate_limit_exceeded_mode,
                cancel_restrictions=cancel_restrictions,
                cancel_cl_ord_id=cancel_cl_ord_id,
            )
        )

    def amend(
        self,
        orig_cl_ord_id: str,
        order_qty: Amount,
        *,
        cl_ord_id: str = "",
        valid_for_ms: int | None = None,
        recv_window_ms: int = 0,
    ) -> str:
        """Make the order orig_cl_ord_id smaller, and return the amend's own cl_ord_id.

        order_qty: its new total quantity; the order keeps its place in the queue, and its id. Its
        report with ExecType REPLACED, or OrderAmendReject, is the answer. Raises as `submit` does.
        """
        check_id("orig_cl_ord_id", orig_cl_ord_id)
        request = OrderAmendKeepPriorityRequest.to(orig_cl_ord_id, order_qty)
        request.cl_ord_id, request.valid_for_ms = cl_ord_id, valid_for_ms or 0
        request.recv_window_ms = recv_window_ms
        return self._request(request)

    def mass_cancel(
        self,
        symbol: str,
        *,
        cl_ord_id: str = "",
        valid_for_ms: int | None = None,
        recv_window_ms: int = 0,
    ) -> str:
        """Cancel every open order of the account in a symbol, and return the request's cl_ord_id.

        The orders of other programs and people end too; see OrderMassCancelRequest. Each order is
        told of, then OrderMassCancelReport. Raises as `submit` does.
        """
        check_text("symbol", symbol)
        request = OrderMassCancelRequest(cl_ord_id, valid_for_ms=valid_for_ms or 0, symbol=symbol)
        request.recv_window_ms = recv_window_ms
        return self._request(request)
