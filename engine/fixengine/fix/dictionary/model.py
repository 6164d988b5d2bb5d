"""What a dictionary says, in the one form in which theirs and ours are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

HEADER = "header"
TRAILER = "trailer"
"""Keys under which header and trailer stand among the messages."""


class Member(NamedTuple):
    """One field of a message or of a group, components already expanded.

    required: "Y" or "N"; of theirs also "any", where the component is required and none of its
    fields is, and "with", where the field is and its component is not; of ours also "client only"
    and "venue only", where one message serves both directions. members: of a group, else None.
    """

    tag: int
    required: str
    members: tuple[Member, ...] | None = None


class Message(NamedTuple):
    """category: "admin" or "app", empty for header and trailer."""

    name: str
    category: str
    members: tuple[Member, ...]


class Dictionary(NamedTuple):
    """version: such as "FIX.4.4", or "FIX.4.4SP1" with a service pack.

    messages: by MsgType<35>, header and trailer among them. names, types, enums: by tag. Types are
    the XML's words in theirs, wire.TYPES in ours, where a tag without a type stands for one that
    no layout has.
    """

    version: str
    messages: Mapping[str, Message]
    names: Mapping[int, str]
    types: Mapping[int, str]
    enums: Mapping[int, Mapping[str, str]]


class Difference(NamedTuple):
    """Something in which a dictionary and our table differ.

    path: MsgType<35>, then the count tags of groups, joined by "/"; empty for what holds of a field
    everywhere. tag: 0 for a message itself. what: "version", "message", "name", "category",
    "field", "place", "required", "group", "type", or "value X" of an enumeration. theirs, ours:
    what stands there, empty for nothing.
    """

    path: str
    tag: int
    what: str
    theirs: str
    ours: str
