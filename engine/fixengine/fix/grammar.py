"""The grammar of a FIX version: which fields there are, what they hold, and where they may stand.

A version's facts are written as text (venues/plain/fix42.py, fix44.py) and read here once, when a
table is made. In that text a message or component is a list of tags; `!` marks what is required,
`453(448 447)` a repeating group under its count, `@Name` the fields of a component. A required
field of a component is required where the component is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TOKEN = re.compile(r"@?\w+!?|[()]")


@dataclass(frozen=True, slots=True)
class Part:
    """A message, a header or one entry of a group: a sequence of fields.

    tags: all that may stand in it, counts of groups included. required: in their order. groups:
    by count. first: the tag that begins an entry of a group.
    """

    tags: frozenset[int]
    required: tuple[int, ...]
    groups: Mapping[int, Part]
    first: int

    @property
    def all_tags(self) -> frozenset[int]:
        """Those of its groups, and of theirs, too."""
        return self.tags.union(*(group.all_tags for group in self.groups.values()))


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a version of FIX defines.

    names, types: by tag. values: tag -> all values it may have, where that is a closed list.
    lengths: tag of a length -> tag of the data behind it. messages: by MsgType<35>. kinds: names
    of all messages, also of those that stand not in messages.
    """

    names: Mapping[int, str]
    types: Mapping[int, str]
    values: Mapping[int, frozenset[bytes]]
    lengths: Mapping[int, int]
    header: Part
    trailer: Part
    messages: Mapping[bytes, Part]
    kinds: Mapping[bytes, str]


def read(
    fields: str,
    values: str,
    header: str,
    trailer: str,
    components: str,
    messages: str,
    others: str,
) -> Grammar:
    """A grammar from its text; see the module's top."""
    names: dict[int, str] = {}
    types: dict[int, str] = {}
    for type_name, text in _entries(fields):
        for item in text.split():
            tag, _, name = item.partition("=")
            names[int(tag)] = name
            types[int(tag)] = type_name
    closed = {}
    for item in values.split(";")[:-1]:
        tag, *allowed = item.split()
        closed[int(tag)] = frozenset(value.encode() for value in allowed)
    known = dict(_entries(components))
    parts, kinds = {}, {}
    for title, text in _entries(messages):
        kind, name = title.split()
        parts[kind.encode()] = _part(text, known)
        kinds[kind.encode()] = name
    for item in others.split():
        kind, _, name = item.partition("=")
        kinds[kind.encode()] = name
    return Grammar(
        names,
        types,
        closed,
        _lengths(names, types),
        _part(header, known),
        _part(trailer, known),
        parts,
        kinds,
    )


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """(title, rest) of each entry; a line that begins with blanks goes on with the one before."""
    for entry in re.split(r"\n(?=\S)", text.strip()):
        title, _, rest = entry.partition(":")
        yield title, rest


def _lengths(names: Mapping[int, str], types: Mapping[int, str]) -> dict[int, int]:
    """Length fields and their data: RawDataLength and RawData, XmlDataLen and XmlData."""
    data = {names[tag]: tag for tag, name in types.items() if name == "DATA"}
    found = {}
    for tag, name in names.items():
        owner = re.sub(r"Len(gth)?$", "", name)
        if types[tag] == "LENGTH" and owner in data:
            found[tag] = data[owner]
    return found


def _part(text: str, components: Mapping[str, str]) -> Part:
    tokens = TOKEN.findall(text)
    part, at = _sequence(tokens, 0, components)
    assert at == len(tokens), f"a bracket too many in: {text}"
    return part


def _sequence(tokens: list[str], at: int, components: Mapping[str, str]) -> tuple[Part, int]:
    """The fields from tokens[at] up to the closing bracket or the end, and where that is."""
    tags: list[int] = []
    required: list[int] = []
    groups: dict[int, Part] = {}
    while at < len(tokens) and tokens[at] != ")":
        token = tokens[at]
        at += 1
        needed = token.endswith("!")
        name = token.rstrip("!")
        if name.startswith("@"):
            part = _part(components[name[1:]], components)
            tags += [part.first, *sorted(part.tags - {part.first})]
            required += part.required if needed else ()
            groups.update(part.groups)
            continue
        tags.append(int(name))
        if needed:
            required.append(int(name))
        if at < len(tokens) and tokens[at] == "(":
            groups[int(name)], at = _sequence(tokens, at + 1, components)
            at += 1
    return Part(frozenset(tags), tuple(required), groups, tags[0]), at
