"""The venues scripts can be played for: one entry of VENUES each.

A `Dialect` builds the session under test for a role, and knows the few messages that a script
need not spell out: the peer's half of the handshake, and an application message of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fixengine import wire
from fixengine.fix import fields
from fixengine.fix.classic import ClassicSession
from fixengine.fix.classic_logon import ClassicAcceptor, ClassicInitiator
from fixengine.fix.history import History
from fixengine.fix.logon import Acceptor, Initiator
from fixengine.fix.resync import Resync
from fixengine.fix.session import Session
from fixengine.fix.venue import Complaint, Sender, Venue, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.fix.venues.plain import plain
from fixengine.messages import NewOrderSingle
from fixengine.simulator.syntax import Syntax, not_played
from script_reader import UNIT_NS
from sessions_in_memory import WALL_NS

SIGNATURE = b"s" * 88


class Dialect(NamedTuple):
    """One venue for scripts.

    session: (role, version, HeartBtInt in ns, SenderCompID of the initiator, what was before) ->
    the session under test, not connected. peer_comp_ids: by our role, (SenderCompID, TargetCompID)
    of what the peer writes, given the initiator's id. logon: by our role, fields of the peer's
    Logon, `%d` for HeartBtInt in seconds. say: have the session send an application message of
    this ClOrdID. framer: what cuts the peer's bytes into messages.
    """

    session: Callable[[str, str, int, str, History], Session]
    venue: Callable[[str], Venue]
    peer_comp_ids: Callable[[str, str], tuple[str, str]]
    logon: dict[str, str]
    say: Callable[[Session, str, int], object]
    framer: Callable[[], wire.Framer | Resync]


# --- Binance Spot -----------------------------------------------------------------------------


def _binance(
    role: str, version: str, heartbeat_ns: int, comp_id: str, _history: History
) -> Session:
    if role == "initiator":
        handshake = Initiator(
            "KEY",
            lambda payload: SIGNATURE,
            heart_bt_int=heartbeat_ns // UNIT_NS["s"],
            message_handling=2,
            response_mode=1,
        )
        return Session(
            BINANCE_SPOT, Sender.CLIENT, handshake, client_comp_id=comp_id, offset_ns=WALL_NS
        )
    syntaxes = {
        layout.kind: Syntax(BINANCE_SPOT, layout.kind)
        for layout in BINANCE_SPOT.layouts
        if BINANCE_SPOT.plays(layout.kind, Sender.CLIENT)
    }

    def examine(message: wire.Message) -> Complaint | None:
        syntax = syntaxes.get(message.kind)
        if syntax is None:
            return not_played(BINANCE_SPOT, message.kind)
        found = syntax.read(message)
        return found if isinstance(found, Complaint) else None

    return Session(
        BINANCE_SPOT,
        Sender.VENUE,
        Acceptor(lambda *_: None, "uuid-1"),
        offset_ns=WALL_NS,
        examine=examine,
    )


def _binance_say(session: Session, name: str, now: int) -> object:
    if session.sender is Sender.CLIENT:
        form = template(BINANCE_SPOT, fields.NEW_ORDER_SINGLE, Sender.CLIENT, "ME", 5000)
        order = NewOrderSingle.limit("BTCUSDT", "1", "1", "50000", cl_ord_id=name)
        return session.send(form, order, now)
    form = template(BINANCE_SPOT, fields.EXECUTION_REPORT, Sender.VENUE, "ME")
    report = {
        "cl_ord_id": name,
        "ord_type": "2",
        "side": "1",
        "symbol": "BTCUSDT",
        "exec_type": "0",
        "ord_status": "0",
        "cum_qty": "0",
        "last_qty": "0",
    }
    return session.send(form, None, now, report)


BINANCE = Dialect(
    session=_binance,
    venue=lambda version: BINANCE_SPOT,
    peer_comp_ids=lambda role, us: ("SPOT", us) if role == "initiator" else (us, "SPOT"),
    logon={
        "initiator": "35=A|98=0|108=%d|25037=uuid-1",
        "acceptor": (
            f"35=A|95={len(SIGNATURE)}|96={SIGNATURE.decode()}|98=0|108=%d|141=Y|553=KEY|25035=2"
        ),
    },
    say=_binance_say,
    framer=wire.Framer,
)

# --- classic FIX ------------------------------------------------------------------------------


def _plain(role: str, version: str, heartbeat_ns: int, comp_id: str, history: History) -> Session:
    initiator = role == "initiator"
    return ClassicSession(
        plain(version, "VENUE"),
        Sender.CLIENT if initiator else Sender.VENUE,
        ClassicInitiator(heartbeat_ns // UNIT_NS["s"]) if initiator else ClassicAcceptor(False),
        history,
        client_comp_id=comp_id,
        offset_ns=WALL_NS,
    )


def _plain_say(session: Session, name: str, now: int) -> object:
    values: dict[str, object] = {"cl_ord_id": name, "side": "1", "symbol": "X"}
    if session.sender is Sender.CLIENT:
        form = template(session.venue, fields.NEW_ORDER_SINGLE, Sender.CLIENT, "ME")
        more: dict[str, object] = {
            "handl_inst": "1",
            "ord_type": "1",
            "transact_time": wire.stamp(WALL_NS + now, 3).decode(),
        }
    else:
        form = template(session.venue, fields.EXECUTION_REPORT, Sender.VENUE, "ME")
        texts = ("avg_px", "cum_qty", "exec_id", "order_id", "ord_status", "exec_type")
        more = {text: "0" for text in (*texts, "leaves_qty")}
    return session.send(form, None, now, values | more)


PLAIN = Dialect(
    session=_plain,
    venue=lambda version: plain(version, "VENUE"),
    peer_comp_ids=lambda role, us: ("VENUE", us) if role == "initiator" else (us, "VENUE"),
    logon={"initiator": "35=A|98=0|108=%d", "acceptor": "35=A|98=0|108=%d"},
    say=_plain_say,
    framer=lambda: Resync(1 << 20),
)

VENUES = {"binance": BINANCE, "plain": PLAIN}
