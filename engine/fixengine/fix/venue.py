"""What a dialect is: a venue as data.

A venue is one `Venue` value: its message tables, header order, limits, rules per role and a few
small hooks. One row describes a field in both directions, so the engine and the built-in venue
read and write by the same table and there is no second protocol implementation. From a table
come the two compiled forms: `plan` (bytes -> named fields) and `template` (named values -> bytes).

Nothing here decides at run time; session.py and logon.py do, by what stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache, lru_cache
from typing import Any, NamedTuple

from fixengine import messages, wire
from fixengine.fix import fields
from fixengine.fix.grammar import Grammar

SECOND_NS = 1_000_000_000
COUNTER_BITS = 32
"""How many of the 48 bits of the counter in an id count a run's orders. Those above are the origin,
which is another for each engine on the account.
"""
TIME_SCALE_MAX = 1000


class Sender(Enum):
    """Who writes a message."""

    CLIENT = "client"
    VENUE = "venue"


class Row(NamedTuple):
    """One field of a message.

    name: attribute of the message's Struct. type: one of wire.TYPES. request, answer: required
    when the client, the venue sends it. rows: members of a repeating group. inherited: a member
    that an entry without it has from the entry before; see wire.Plan.
    """

    tag: int
    name: str
    type: str
    request: bool = False
    answer: bool = False
    rows: tuple[Row, ...] = ()
    inherited: bool = False


class Layout(NamedTuple):
    """One message: kind is the value of MsgType<35>; admin messages never reach a strategy."""

    kind: bytes
    name: str
    senders: frozenset[Sender]
    admin: bool
    rows: tuple[Row, ...]


class Scope(NamedTuple):
    """What one official dictionary of a venue defines.

    title: for people. tags: every field, header and trailer included. kinds: MsgType<35> values.
    layouts: of the kinds that the venue's own layouts have not, or have in another form.
    """

    title: str
    tags: frozenset[int]
    kinds: frozenset[bytes]
    layouts: tuple[Layout, ...] = ()


class Override(NamedTuple):
    """One place where our table departs from an official dictionary on purpose.

    scope: which dictionary. path: MsgType<35>, then the count tags of groups, joined by "/"; empty
    for what holds of a field everywhere. tag: the field, 0 for a message itself. what: "field",
    "place", "required", "type", "category", or "value X" of an enumeration. theirs, ours: what
    stands there, empty for nothing. All this in the words of Difference in fix/dictionary. why:
    for people.
    """

    scope: str
    path: str
    tag: int
    what: str
    theirs: str
    ours: str
    why: str


class Window(NamedTuple):
    """At most count_max things in interval_ns, in fixed windows aligned to the clock."""

    count_max: int
    interval_ns: int
    name: str


class Limits(NamedTuple):
    """A venue's limits for one kind of session; unfilled_orders are those of the account."""

    messages: Window
    connection_attempts: Window
    connections_max: int
    unfilled_orders: tuple[Window, ...] = ()


class Profile(NamedTuple):
    """One kind of session a venue offers: hosts by environment, port, limits.

    logon: values by name that the client's Logon of such a session has besides. lag_ns: how much
    later than elsewhere the venue reports here.
    """

    role: str
    hosts: Mapping[str, str]
    port: int
    limits: Limits
    logon: Mapping[str, object] = {}
    lag_ns: int = 0


class Call(NamedTuple):
    """One read of a venue's REST API.

    weight: what it costs. lighter: a parameter and what it costs with that one. signed: whether
    it needs key and signature. rows_max: the most rows it can be asked for; 0 where it has none.
    """

    path: str
    weight: int
    lighter: tuple[str, int] | None = None
    signed: bool = True
    rows_max: int = 0


class Stream(NamedTuple):
    """Where a venue tells of an account unasked, and how long a connection for that lives.

    connect_weight, call_weight: what connecting and each call cost. ping_ns: how often the venue
    asks for life, pong_ns: when it gives up; life_ns: the longest a connection lasts. lag_ns: how
    much later than elsewhere the venue reports here.
    """

    hosts: Mapping[str, str]
    port: int
    path: str
    connect_weight: int
    call_weight: int
    connections: Window
    ping_ns: int
    pong_ns: int
    life_ns: int
    lag_ns: int


class Web(NamedTuple):
    """A venue's second sources: its REST API, calls by name, and its user data stream.

    weights, requests: limits for one address, fixed windows. weight_header: of an answer, what is
    used; key_header: of a request. clock_code: the refusal of a timestamp.
    """

    hosts: Mapping[str, str]
    port: int
    calls: Mapping[str, Call]
    weights: Window
    requests: Window
    weight_header: str
    key_header: str
    recv_window_ms: int
    clock_code: int
    stream: Stream

    def weight(self, name: str, parameters: Iterable[str]) -> int:
        """What a call with these parameters costs."""
        call = self.calls[name]
        if call.lighter is not None and call.lighter[0] in parameters:
            return call.lighter[1]
        return call.weight


class Complaint(NamedTuple):
    """What is wrong with a message, in the venue's words (spec sections 13 and 22.1).

    code: ErrorCode<25016>, or None. reason: SessionRejectReason<373>. text: Text<58>, with at
    most one %s. close: the session ends after the Reject.
    """

    code: int | None
    reason: int
    text: str
    tag: int | None = None
    close: bool = False


def no_reason(venue_code: str | None, text: str | None) -> str | None:
    """Of a venue whose codes and texts nobody has put into reasons."""
    return None


class Rules(NamedTuple):
    """How one role behaves where FIX leaves a choice.

    strict: complain with Reject<3> (an acceptor); otherwise note it and go on or log out.
    gap: on MsgSeqNum too high, "reject", "stale" (go on, but trust the session no more) or
    "resend" (ask for what is missing; fix/classic.py). silence_percent: of HeartBtInt without
    input after which a TestRequest is sent. check_clock: hold SendingTime<52> against the clock.
    silence_text: of the Logout when a TestRequest is not answered, None to close without one.
    test_req_id: TestReqID<112>, with %d for the count. resends: whether application messages are
    sent again when they are asked for; otherwise they are gap-filled, as orders must be.
    """

    strict: bool
    gap: str
    silence_percent: int
    check_clock: bool
    silence_text: str | None = None
    test_req_id: str = "fixengine-%d"
    resends: bool = False


@dataclass(frozen=True, slots=True)
class Venue:
    """A dialect as data; see the module's top.

    header: header tags after 35 in the order we write them. layouts: how every message looks.
    played: the kinds that the engine and the built-in venue take part in; a layout alone is only a
    description, to read and write by. names: tag -> FIX's name of the field, for every tag the
    venue names anywhere. kinds: MsgType<35> -> name of the message, also of messages without a
    layout. enums: tag -> {value: FIX's name of it}. scopes: by role, what each official dictionary
    defines. overrides: where the table departs from those on purpose. complaints: by name, what a
    strict role answers. unknown_codes: error codes after which the outcome of a request is not
    known. too_many_messages: how the text of a Logout begins that ends a session for its rate.
    grammar, taken: of a classic venue, what its FIX version defines, and the application messages
    taken from each sender. second_ns: how long its second lasts, shorter at another time scale.
    web: REST and user data stream, None where the venue has none. reject_reason: the RejectReason
    of an error code and text; None where that is no refusal, or not known.
    """

    name: str
    begin_string: bytes
    venue_comp_id: str
    header: tuple[int, ...]
    stamp_digits: int
    layouts: tuple[Layout, ...]
    played: frozenset[bytes]
    names: Mapping[int, str]
    kinds: Mapping[bytes, str]
    enums: Mapping[int, Mapping[str, str]]
    scopes: Mapping[str, Scope]
    overrides: tuple[Override, ...]
    profiles: Mapping[str, Profile]
    rules: Mapping[Sender, Rules]
    complaints: Mapping[str, Complaint]
    heartbeat_s_min: int
    heartbeat_s_max: int
    recv_window_ms_default: int
    recv_window_ms_max: int
    clock_ahead_ns_max: int
    id_pattern: str
    comp_id_pattern: str
    unknown_codes: frozenset[int]
    refusals: Mapping[int, str]
    logon_values: Callable[..., dict[str, Any]]
    logon_payload: Callable[..., bytes]
    make_cl_ord_id: Callable[[int, int, int], str]
    own: Callable[[str], tuple[int, int, int] | None]
    too_many_messages: str | None = None
    grammar: Grammar | None = None
    taken: Mapping[Sender, frozenset[bytes]] = field(default_factory=dict)
    second_ns: int = SECOND_NS
    web: Web | None = None
    reject_reason: Callable[[str | None, str | None], str | None] = no_reason

    def layout(self, kind: bytes, sender: Sender) -> Layout:
        """The table of one message; KeyError where that sender has no such message."""
        for layout in self.layouts:
            if layout.kind == kind and sender in layout.senders:
                return layout
        raise KeyError(f"{self.name}: {sender.value} sends no message {kind!r}")

    def plays(self, kind: bytes, sender: Sender) -> bool:
        """Whether a message of this kind from that sender is played, not only described."""
        return kind in self.played and any(
            item.kind == kind and sender in item.senders for item in self.layouts
        )


def at_scale(venue: Venue, time_scale: int) -> Venue:
    """The table with each interval that the venue measures divided by 1..TIME_SCALE_MAX.

    HeartBtInt follows from second_ns. The clock rule (RecvWindow, a second ahead) stays as it is:
    both sides run on the real clock.
    """

    def window(real: Window) -> Window:
        return real._replace(interval_ns=real.interval_ns // time_scale)

    def scaled(profile: Profile) -> Profile:
        real = profile.limits
        limits = real._replace(
            messages=window(real.messages),
            connection_attempts=window(real.connection_attempts),
            unfilled_orders=tuple(map(window, real.unfilled_orders)),
        )
        return profile._replace(limits=limits, lag_ns=profile.lag_ns // time_scale)

    profiles = {role: scaled(profile) for role, profile in venue.profiles.items()}
    web = venue.web
    if web is not None:
        stream = web.stream._replace(
            connections=window(web.stream.connections),
            ping_ns=web.stream.ping_ns // time_scale,
            pong_ns=web.stream.pong_ns // time_scale,
            life_ns=web.stream.life_ns // time_scale,
            lag_ns=web.stream.lag_ns // time_scale,
        )
        windows = window(web.weights), window(web.requests)
        web = web._replace(weights=windows[0], requests=windows[1], stream=stream)
    second_ns = venue.second_ns // time_scale
    return replace(venue, profiles=profiles, web=web, second_ns=second_ns)


HEADER_ROWS = (
    Row(fields.MSG_SEQ_NUM, "msg_seq_num", "seqnum", True, True),
    Row(fields.SENDING_TIME, "sending_time", "utc", True, True),
)
HEADER_TAGS = (
    fields.BEGIN_STRING,
    fields.BODY_LENGTH,
    fields.MSG_TYPE,
    fields.SENDER_COMP_ID,
    fields.TARGET_COMP_ID,
    fields.RECV_WINDOW,
    fields.CHECK_SUM,
)


TEMPLATES_MAX = 512
"""Those asked for last are kept, for the next session."""
REQUESTS = {
    struct.__name__: struct for struct in (messages.NewOrderSingle, messages.OrderCancelRequest)
}
"""What strategies ask for on the bus, by message name."""


@cache
def wire_rows(rows: tuple[Row, ...], sender: Sender) -> tuple[tuple[int, str, str, bool, Any], ...]:
    """Rows as the codec takes them, with the required flag of one direction."""
    return tuple(
        (
            row.tag,
            row.name,
            row.type,
            row.request if sender is Sender.CLIENT else row.answer,
            _members(row.rows, sender),
        )
        for row in rows
    )


def _members(rows: tuple[Row, ...], sender: Sender) -> Any:
    """The same, each with its sixth part where it has one."""
    compiled = zip(wire_rows(rows, sender), rows, strict=True)
    return tuple((*row, True) if each.inherited else row for row, each in compiled)


def plan(venue: Venue, kind: bytes, sender: Sender, columns: tuple[str, ...] = ()) -> wire.Plan:
    """The compiled reader of one message, msg_seq_num and sending_time among its fields."""
    return _plan(venue.layout(kind, sender), sender, columns)


@cache
def _plan(layout: Layout, sender: Sender, columns: tuple[str, ...]) -> wire.Plan:
    # To make one takes longer than the loop may be held, and nothing changes it.
    rows = wire_rows(HEADER_ROWS + layout.rows, sender)
    return wire.Plan(layout.name, rows, columns, HEADER_TAGS)


def template(
    venue: Venue,
    kind: bytes,
    sender: Sender,
    client_comp_id: str,
    recv_window_ms: int | None = None,
    body_length_digits: int = 0,
) -> wire.Template:
    """The compiled writer of one message for one session; all of one process share it.

    recv_window_ms: put RecvWindow<25000> into the header, right after SendingTime. A message that
    strategies ask for on the bus can also be written from its bytes there (encode_payload).
    """
    ours, theirs = client_comp_id, venue.venue_comp_id
    if sender is Sender.VENUE:
        ours, theirs = theirs, ours
    constants: dict[int, bytes | None] = {
        fields.SENDER_COMP_ID: ours.encode(),
        fields.TARGET_COMP_ID: theirs.encode(),
        fields.MSG_SEQ_NUM: None,
        fields.SENDING_TIME: None,
    }
    if recv_window_ms is not None:
        constants[fields.RECV_WINDOW] = str(recv_window_ms).encode()
    header = tuple((tag, constants[tag]) for tag in venue.header if tag in constants)
    layout = venue.layout(kind, sender)
    return _template(venue.begin_string, kind, header, layout, sender, body_length_digits)


@lru_cache(TEMPLATES_MAX)
def _template(
    begin_string: bytes,
    kind: bytes,
    header: tuple[tuple[int, bytes | None], ...],
    layout: Layout,
    sender: Sender,
    body_length_digits: int,
) -> wire.Template:
    # To make those of one session takes longer than the loop may be held.
    request = REQUESTS.get(layout.name)
    return wire.Template(
        begin_string,
        kind,
        header,
        wire_rows(layout.rows, sender),
        body_length_digits,
        None if request is None else (layout.name, messages.names_of(request)),
    )
