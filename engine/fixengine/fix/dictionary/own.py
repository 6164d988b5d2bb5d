"""Our table in the form of a dictionary, as far as one official dictionary goes."""

from __future__ import annotations

from collections.abc import Iterator

from fixengine.fix import fields
from fixengine.fix.dictionary.model import HEADER, TRAILER, Dictionary, Member, Message
from fixengine.fix.dictionary.reader import DictionaryError
from fixengine.fix.venue import Layout, Row, Sender, Venue


def scope_of(venue: Venue, theirs: Dictionary) -> str:
    """Which of the venue's dictionaries this is: the key of Venue.scopes whose messages it has.

    Raises DictionaryError where it has no message of the venue but those every FIX venue has.
    """
    kinds = {kind.encode() for kind in theirs.messages}
    common = frozenset.intersection(*(scope.kinds for scope in venue.scopes.values()))
    shared = {name: len(kinds & scope.kinds - common) for name, scope in venue.scopes.items()}
    best = max(shared, key=lambda name: shared[name])
    if shared[best] == 0:
        raise DictionaryError(f"has no message of {venue.name} but those every FIX venue has")
    return best


def own(venue: Venue, scope: str) -> Dictionary:
    """What our table says about the messages and fields of one official dictionary."""
    tags, kinds = venue.scopes[scope].tags, venue.scopes[scope].kinds
    layouts = {layout.kind: layout for layout in (*venue.layouts, *venue.scopes[scope].layouts)}
    messages = {kind.decode(): _message(layouts[kind]) for kind in sorted(kinds)}
    types = dict(fields.HEADER_TYPES)
    for kind in kinds:
        types.update(_types(layouts[kind].rows))
    messages[HEADER] = Message(HEADER, "", _header(venue))
    messages[TRAILER] = Message(TRAILER, "", (Member(fields.CHECK_SUM, "Y"),))
    enums = {tag: dict(values) for tag, values in venue.enums.items() if tag in tags}
    of_kinds = enums.get(fields.MSG_TYPE, {})
    enums[fields.MSG_TYPE] = {k: name for k, name in of_kinds.items() if k.encode() in kinds}
    names = {tag: venue.names[tag] for tag in sorted(tags)}
    return Dictionary(venue.begin_string.decode(), messages, names, types, enums)


def _message(layout: Layout) -> Message:
    category = "admin" if layout.admin else "app"
    return Message(layout.name, category, _members(layout.rows, layout.senders))


def _members(rows: tuple[Row, ...], senders: frozenset[Sender]) -> tuple[Member, ...]:
    return tuple(
        Member(row.tag, _required(row, senders), _members(row.rows, senders) if row.rows else None)
        for row in rows
    )


def _required(row: Row, senders: frozenset[Sender]) -> str:
    by_sender = {Sender.CLIENT: row.request, Sender.VENUE: row.answer}
    flags = {by_sender[sender] for sender in senders}
    if len(flags) == 2:
        return "client only" if row.request else "venue only"
    return "Y" if True in flags else "N"


def _types(rows: tuple[Row, ...]) -> Iterator[tuple[int, str]]:
    for row in rows:
        yield row.tag, row.type
        yield from _types(row.rows)


def _header(venue: Venue) -> tuple[Member, ...]:
    tags = (fields.BEGIN_STRING, fields.BODY_LENGTH, fields.MSG_TYPE, *venue.header)
    return tuple(Member(tag, "N" if tag == fields.RECV_WINDOW else "Y") for tag in tags)
