"""The client's application messages: read, checked, and carried out to their answers.

Order entry takes orders, order lists, cancels, replacements, amends, mass cancels and LimitQuery;
drop copy only LimitQuery. Everything else is refused as the venue refuses what it does not know,
does not offer, or offers elsewhere.
"""

from __future__ import annotations

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.venue import Complaint, Sender
from fixengine.simulator import refusals, reports
from fixengine.simulator.accounts import Account
from fixengine.simulator.connection import Connection
from fixengine.simulator.delivery import Delivery
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.faults import sessions
from fixengine.simulator.faults.active import Active, Faults
from fixengine.simulator.orders import Terms
from fixengine.simulator.syntax import Syntax, not_played
from fixengine.simulator.venue import DROP_COPY, Play

ORDER_KINDS = (fields.NEW_ORDER_SINGLE, fields.ORDER_CANCEL_REQUEST_AND_NEW_ORDER_SINGLE)
"""Requests that may make an order."""
ANSWER_KINDS = (
    fields.EXECUTION_REPORT,
    fields.ORDER_CANCEL_REJECT,
    fields.LIST_STATUS,
    fields.ORDER_AMEND_REJECT,
    fields.ORDER_MASS_CANCEL_REPORT,
    fields.LIMIT_RESPONSE,
    fields.NEWS,
)


class Requests:
    """Carries out requests; see the module's top."""

    def __init__(self, play: Play, exchange: Exchange, delivery: Delivery, faults: Faults) -> None:
        self._play = play
        self._exchange = exchange
        self._delivery = delivery
        self._faults = faults
        self._syntaxes = {
            layout.kind: Syntax(play.venue, layout.kind)
            for layout in play.venue.layouts
            if play.venue.plays(layout.kind, Sender.CLIENT)
        }

    def examine(self, message: wire.Message) -> Complaint | None:
        """What is wrong with the form of a message that the session answers."""
        syntax = self._syntaxes.get(message.kind)
        if syntax is None:
            return not_played(self._play.venue, message.kind)
        found = syntax.read(message)
        return found if isinstance(found, Complaint) else None

    def carry_out(self, connection: Connection, message: wire.Message, now: int) -> None:
        """Answer one application message. now: monotonic ns."""
        session = connection.session
        kind = message.kind
        if sessions.rejects(session, self._faults, message, now):
            return
        if kind not in fields.REQUEST_KINDS:
            session.reject(not_played(self._play.venue, kind), message, now)
            return
        if connection.role == DROP_COPY and kind != fields.LIMIT_QUERY:
            session.reject(refusals.NOT_IN_DROP_COPY, message, now)
            return
        request = self._syntaxes[kind].read(message)
        if isinstance(request, Complaint):
            session.reject(request, message, now)
        elif kind == fields.LIMIT_QUERY:
            self._tell_limits(connection, request.req_id, now)
        else:
            self._order(connection, kind, request, message, now)

    def _order(
        self,
        connection: Connection,
        kind: bytes,
        request: object,
        message: wire.Message,
        now: int,
    ) -> None:
        assert connection.credential is not None
        account = connection.credential.account
        wall = now + connection.session.offset_ns
        requester: Connection | None = connection
        fault = self._faults.standing("unknown-outcome", connection.comp_id)
        if kind in ORDER_KINDS and fault is not None:
            self._lose_outcome(fault, connection, account, request, message, now)
            connection.orders += 1
            if not sessions.is_carried_out(fault, connection.orders - 1):
                return
            requester = None
        carry_out = {
            fields.NEW_ORDER_SINGLE: self._exchange.new_order,
            fields.NEW_ORDER_LIST: self._exchange.new_list,
            fields.ORDER_CANCEL_REQUEST: self._exchange.cancel,
            fields.ORDER_CANCEL_REQUEST_AND_NEW_ORDER_SINGLE: self._exchange.cancel_replace,
            fields.ORDER_AMEND_KEEP_PRIORITY_REQUEST: self._exchange.amend,
            fields.ORDER_MASS_CANCEL_REQUEST: self._exchange.mass_cancel,
        }[kind]
        answers = carry_out(account, request, wall)
        if isinstance(answers, Complaint):
            connection.session.reject(answers, message, now)
        else:
            self._delivery.deliver(answers, requester, now)

    def _lose_outcome(
        self,
        fault: Active,
        connection: Connection,
        account: Account,
        request: object,
        message: wire.Message,
        now: int,
    ) -> None:
        """Tell a session that nobody knows what becomes of its order."""
        complaint = sessions.outcome_unknown(fault)
        if fault.values["form"] == "reject":
            connection.session.reject(complaint, message, now)
            return
        refusal = refusals.Refusal(complaint.code or 0, complaint.text)
        wall = now + connection.session.offset_ns
        told = reports.refused(account, request, Terms(None, None, None), refusal, wall)
        self._delivery.deliver([told], connection, now)

    def _tell_limits(self, connection: Connection, req_id: str, now: int) -> None:
        """LimitResponse: messages of this connection, then the account's unfilled orders."""
        assert connection.credential is not None
        window = self._play.limits(connection.role).messages
        found = [reports.indicator(reports.MESSAGE_LIMIT, window, connection.messages.count)]
        if connection.role != DROP_COPY:
            unfilled = connection.credential.account.unfilled
            for window, count in unfilled.counts(now + connection.session.offset_ns):
                found.append(reports.indicator(reports.ORDER_LIMIT, window, count))
        values = {"req_id": req_id, "limit_indicators": tuple(found)}
        self._delivery.answer(connection, fields.LIMIT_RESPONSE, values, now)
