"""Two dictionaries -> their differences, and which of them are explained already."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from fixengine.fix.dictionary.model import Dictionary, Difference, Member
from fixengine.fix.venue import Override

OUR_TYPES = {
    "BOOLEAN": "bool",
    "CHAR": "char",
    "DATA": "data",
    "FLOAT": "float",
    "INT": "int",
    "LENGTH": "length",
    "NUMINGROUP": "group",
    "PRICE": "price",
    "QTY": "qty",
    "SEQNUM": "seqnum",
    "STRING": "str",
    "UTCTIMESTAMP": "utc",
}
"""The dictionary's word for a type -> ours, one of wire.TYPES."""


class Comparison(NamedTuple):
    """new: differences nobody has explained. known: those that overrides explain.

    settled: overrides that are not needed any more, because the dictionary says now what we do, or
    something new, which then is among the new differences.
    """

    new: tuple[Difference, ...]
    known: tuple[Difference, ...]
    settled: tuple[Override, ...]


def compare(
    theirs: Dictionary, ours: Dictionary, overrides: tuple[Override, ...] = ()
) -> Comparison:
    """What differs, in the order of the dictionary: messages first, then fields by tag.

    overrides: those of this dictionary's scope.
    """
    explained = {Difference(*override[1:6]): override for override in overrides}
    found = tuple(_all(theirs, ours))
    return Comparison(
        tuple(item for item in found if item not in explained),
        tuple(item for item in found if item in explained),
        tuple(override for item, override in explained.items() if item not in found),
    )


def _all(theirs: Dictionary, ours: Dictionary) -> Iterator[Difference]:
    if theirs.version != ours.version:
        yield Difference("", 0, "version", theirs.version, ours.version)
    yield from _messages(theirs, ours)
    for tag in sorted(theirs.names.keys() | ours.names.keys()):
        yield from _field(tag, theirs, ours)


def _messages(theirs: Dictionary, ours: Dictionary) -> Iterator[Difference]:
    for kind, message in theirs.messages.items():
        mine = ours.messages.get(kind)
        if mine is None:
            yield Difference(kind, 0, "message", message.name, "")
            yield from _members(kind, message.members, ())
            continue
        if message.name != mine.name:
            yield Difference(kind, 0, "name", message.name, mine.name)
        if message.category != mine.category:
            yield Difference(kind, 0, "category", message.category, mine.category)
        yield from _members(kind, message.members, mine.members)
    for kind, mine in ours.messages.items():
        if kind not in theirs.messages:
            yield Difference(kind, 0, "message", "", mine.name)


def _members(
    path: str, theirs: tuple[Member, ...], ours: tuple[Member, ...]
) -> Iterator[Difference]:
    """Fields of one message or group: which, where, required, and what is in their groups."""
    by_tag = {member.tag: member for member in ours}
    for member in theirs:
        mine = by_tag.get(member.tag)
        if mine is None:
            yield Difference(path, member.tag, "field", member.required, "")
        elif member.required != mine.required:
            yield Difference(path, member.tag, "required", member.required, mine.required)
        if mine is not None and (member.members is None) != (mine.members is None):
            yield Difference(path, member.tag, "group", _form(member), _form(mine))
        elif member.members is not None:
            inner = mine.members if mine is not None else None
            yield from _members(f"{path}/{member.tag}", member.members, inner or ())
    known = {member.tag for member in theirs}
    for mine in ours:
        if mine.tag not in known:
            yield Difference(path, mine.tag, "field", "", mine.required)
    yield from _places(path, [m.tag for m in theirs], [m.tag for m in ours])


def _form(member: Member) -> str:
    return "field" if member.members is None else "group"


def _places(path: str, theirs: list[int], ours: list[int]) -> Iterator[Difference]:
    """The fields that stand elsewhere among those that both have, as few as explain it.

    Of a run that moved together only the first is told.
    """
    before = [tag for tag in ours if tag in theirs]
    after = [tag for tag in theirs if tag in ours]
    blocks = SequenceMatcher(None, after, before, autojunk=False).get_matching_blocks()
    kept = {tag for block in blocks for tag in after[block.a : block.a + block.size]}
    for tag in after:
        now, then = _behind(after, tag), _behind(before, tag)
        if tag not in kept and now != then:
            yield Difference(path, tag, "place", now, then)


def _behind(tags: list[int], tag: int) -> str:
    """The tag before this one, or "first"."""
    at = tags.index(tag)
    return str(tags[at - 1]) if at else "first"


def _field(tag: int, theirs: Dictionary, ours: Dictionary) -> Iterator[Difference]:
    """Name, type and values of one field; a new one is told with all it has."""
    name, mine = theirs.names.get(tag, ""), ours.names.get(tag, "")
    if not name or not mine:
        yield Difference("", tag, "field", name, mine)
        if not name:
            return
    elif name != mine:
        yield Difference("", tag, "name", name, mine)
    word = theirs.types[tag]
    our_type = ours.types.get(tag, "")
    if (our_type or not mine) and OUR_TYPES.get(word) != our_type:
        yield Difference("", tag, "type", word, our_type)
    values, own_values = theirs.enums.get(tag, {}), ours.enums.get(tag, {})
    for value in [*values, *(value for value in own_values if value not in values)]:
        said, own = values.get(value, ""), own_values.get(value, "")
        if said != own:
            yield Difference("", tag, f"value {value}", said, own)
