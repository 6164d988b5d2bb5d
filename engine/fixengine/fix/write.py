"""Messages written field by field: what is echoed, sent again or refused has no table.

Header fields ascend by tag behind MsgType<35>, as do those of a body that is put in order here;
BodyLength is not padded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fixengine.fix import fields
from fixengine.fix.grammar import Part
from fixengine.fix.validate import Pair

Field = tuple[int, bytes]

ROUTES = (
    (fields.ON_BEHALF_OF_COMP_ID, fields.DELIVER_TO_COMP_ID),
    (fields.ON_BEHALF_OF_SUB_ID, fields.DELIVER_TO_SUB_ID),
    (fields.ON_BEHALF_OF_LOCATION_ID, fields.DELIVER_TO_LOCATION_ID),
)
REVERSED = dict([*ROUTES, *((there, back) for back, there in ROUTES)])
"""Routing fields of an answer by those of what it answers."""


def framed(
    begin_string: bytes, kind: bytes, header: Mapping[int, bytes], body: Iterable[Field]
) -> bytes:
    """One message. header: all its fields but 8, 9 and 35. Values go out as they are."""
    parts = [b"35=%s\x01" % kind]
    parts += [b"%d=%s\x01" % (tag, header[tag]) for tag in sorted(header)]
    parts += [b"%d=%s\x01" % field for field in body]
    text = b"".join(parts)
    frame = b"8=%s\x019=%d\x01%s" % (begin_string, len(text), text)
    return b"%s10=%03d\x01" % (frame, sum(frame) % 256)


def reverse_route(head: Mapping[int, bytes]) -> dict[int, bytes]:
    """The routing of an answer; empty fields are left out."""
    return {back: head[tag] for tag, back in REVERSED.items() if head.get(tag)}


def ascending(pairs: Sequence[Pair], part: Part) -> list[Field]:
    """Fields of one part by tag; those of a group's entries stay behind their count as they are."""
    chunks: list[list[Field]] = []
    members: frozenset[int] = frozenset()
    for pair in pairs:
        if pair.tag in members:
            chunks[-1].append((pair.tag, pair.value))
            continue
        chunks.append([(pair.tag, pair.value)])
        # Members of groups within the group follow too.
        members = part.groups[pair.tag].all_tags if pair.tag in part.groups else frozenset()
    chunks.sort(key=lambda chunk: chunk[0][0])
    return [field for chunk in chunks for field in chunk]
