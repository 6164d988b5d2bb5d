"""The bytes of a QuickFIX dictionary -> what it says.

The bytes may be anybody's. A document type is refused, and with it every entity, internal or
external; size, depth, count of elements and the work of expanding components are bounded; what is
shown to people later is printable ASCII. An element we do not know is refused rather than passed
over: it might say something that a comparison must not miss.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from fixengine.fix.dictionary.model import HEADER, TRAILER, Dictionary, Member, Message

BYTES_MAX = 4 << 20
"""The official dictionary has 25 kB, QuickFIX's largest one about 1 MB."""

ELEMENTS_MAX = 200_000
DEPTH_MAX = 16
EXPANDED_MAX = 200_000
TEXT_CHARACTERS_MAX = 256
KIND = re.compile(r"[!-~]{1,8}\Z")
KIND_BREAKERS = "=/|<>"
"""What a MsgType may not have: FIX's own signs, and those that a report puts around one."""
TAG_MAX = (1 << 31) - 1
CATEGORIES = ("admin", "app")
SECTIONS = (HEADER, TRAILER, "messages", "components", "fields")


class DictionaryError(Exception):
    """These bytes cannot be read as a QuickFIX dictionary; the text says why, in one line."""


def read(data: bytes) -> Dictionary:
    """What a dictionary says; DictionaryError for bytes that are none."""
    if len(data) > BYTES_MAX:
        raise DictionaryError(f"has more than {BYTES_MAX} bytes")
    root = _parse(data)
    if root.tag.rpartition(":")[2] == "messageSchema":
        raise DictionaryError("is an SBE schema; only QuickFIX dictionaries can be compared")
    if root.tag != "fix":
        what = f"its root is <{_shown(root.tag)}>, not <fix>"
        raise DictionaryError(f"is no QuickFIX dictionary: {what}")
    return _Reader(root).dictionary()


def _parse(data: bytes) -> Element:
    """The document's elements, without its text, which dictionaries do not use."""
    parser = expat.ParserCreate()
    builder = TreeBuilder()
    depth = count = 0

    def start(tag: str, attributes: dict[Any, Any]) -> None:
        nonlocal depth, count
        depth += 1
        count += 1
        if depth > DEPTH_MAX:
            raise DictionaryError(f"nests its elements more than {DEPTH_MAX} deep")
        if count > ELEMENTS_MAX:
            raise DictionaryError(f"has more than {ELEMENTS_MAX} elements")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise DictionaryError("declares a document type; entities are never expanded here")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as problem:
        # ValueError and LookupError: an encoding that the parser does not know.
        raise DictionaryError(f"is not XML: {_shown(str(problem))}") from None
    return builder.close()


class _Reader:
    """Reads one document; the fields first, since everything else names them."""

    def __init__(self, root: Element) -> None:
        self._sections: dict[str, Element] = {}
        for section in root:
            if section.tag not in SECTIONS:
                raise DictionaryError(f"has a section <{_shown(section.tag)}> that we do not know")
            if section.tag in self._sections:
                raise DictionaryError(f"has two sections <{section.tag}>")
            self._sections[section.tag] = section
        for name in ("messages", "fields"):
            if name not in self._sections:
                raise DictionaryError(f"is no QuickFIX dictionary: it has no <{name}>")
        self._root = root
        self._tags: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._types: dict[int, str] = {}
        self._enums: dict[int, dict[str, str]] = {}
        self._components: dict[str, Element] = {}
        self._expanding: list[str] = []
        self._expanded = 0

    def dictionary(self) -> Dictionary:
        """All of it."""
        parts = [_text(self._root, name) for name in ("type", "major", "minor")]
        for field in self._children("fields", "field"):
            self._field(field)
        for component in self._children("components", "component"):
            name = _text(component, "name")
            if name in self._components:
                raise DictionaryError(f"has two components {name}")
            self._components[name] = component
        messages = {}
        for place in (HEADER, TRAILER):
            members = self._members(self._sections.get(place, ()), place, True)
            messages[place] = Message(place, "", members)
        for element in self._children("messages", "message"):
            kind, name = _text(element, "msgtype"), _text(element, "name")
            if not _is_kind(kind):
                what = f"1 to 8 printable characters without space or {KIND_BREAKERS}"
                raise DictionaryError(f"message {name}: msgtype {kind} is not {what}")
            if kind in messages:
                raise DictionaryError(f"has two messages with msgtype {kind}")
            category = element.get("msgcat", "app")
            if category not in CATEGORIES:
                raise DictionaryError(f"message {name}: msgcat is neither admin nor app")
            messages[kind] = Message(name, category, self._members(element, name, True))
        version = ".".join(parts)
        if self._root.get("servicepack", "0") != "0":
            version += "SP" + _text(self._root, "servicepack")
        return Dictionary(version, messages, self._names, self._types, self._enums)

    def _children(self, section: str, tag: str) -> Iterator[Element]:
        for child in self._sections.get(section, ()):
            if child.tag != tag:
                raise DictionaryError(f"has a <{_shown(child.tag)}> in <{section}>")
            yield child

    def _field(self, field: Element) -> None:
        name, number = _text(field, "name"), _text(field, "number")
        if not (number.isdigit() and len(number) < 11 and 0 < int(number) <= TAG_MAX):
            raise DictionaryError(f"field {name}: {number} is no tag number")
        tag = int(number)
        if tag in self._names or name in self._tags:
            raise DictionaryError(f"defines field {name}<{tag}>, its name or its tag, twice")
        self._names[tag] = name
        self._tags[name] = tag
        self._types[tag] = _text(field, "type")
        values: dict[str, str] = {}
        for value in field:
            if value.tag != "value":
                raise DictionaryError(f"field {name}: <{_shown(value.tag)}> where values stand")
            enum = _text(value, "enum")
            if enum in values:
                raise DictionaryError(f"field {name}: has two values {enum}")
            values[enum] = _text(value, "description")
        if values:
            self._enums[tag] = values

    def _members(
        self, holder: Element | tuple[()], where: str, required: bool
    ) -> tuple[Member, ...]:
        """Fields of a message, group or component. required: a component's own flag."""
        found: dict[int, Member] = {}
        for child in holder:
            self._expanded += 1
            if self._expanded > EXPANDED_MAX:
                raise DictionaryError(f"has more than {EXPANDED_MAX} fields in its messages")
            for member in self._member(child, where, required):
                if member.tag in found:
                    raise DictionaryError(f"{where}: {self._names[member.tag]} stands there twice")
                found[member.tag] = member
        return tuple(found.values())

    def _member(self, child: Element, where: str, required: bool) -> tuple[Member, ...]:
        """One field or group, or what a component stands for."""
        if child.tag not in ("field", "group", "component"):
            raise DictionaryError(f"{where}: <{_shown(child.tag)}> where fields stand")
        name = _text(child, "name")
        flag = _text(child, "required").upper()
        if flag not in ("Y", "N"):
            raise DictionaryError(f"{where}: required of {name} is neither Y nor N")
        needed = required and flag == "Y"
        if child.tag == "component":
            return self._component(name, where, needed)
        if name not in self._tags:
            raise DictionaryError(f"{where}: {name} is not among the fields")
        members = self._members(child, f"{where}, {name}", True) if child.tag == "group" else None
        said = "Y" if needed else "with" if flag == "Y" else "N"
        return (Member(self._tags[name], said, members),)

    def _component(self, name: str, where: str, required: bool) -> tuple[Member, ...]:
        if name not in self._components:
            raise DictionaryError(f"{where}: component {name} is not defined")
        if name in self._expanding:
            raise DictionaryError(f"component {name} contains itself")
        if len(self._expanding) > DEPTH_MAX:
            raise DictionaryError(f"nests components more than {DEPTH_MAX} deep")
        self._expanding.append(name)
        found = self._members(self._components[name], where, required)
        self._expanding.pop()
        if required and all(member.required != "Y" for member in found):
            # It asks for something and does not say which.
            return tuple(
                member._replace(required="any") if member.required == "N" else member
                for member in found
            )
        return found


def _is_kind(text: str) -> bool:
    """Whether this may be a MsgType<35>, and stand in a report as nothing else."""
    return (
        KIND.match(text) is not None
        and not set(text) & set(KIND_BREAKERS)
        and text not in (HEADER, TRAILER)
    )


def _text(element: Element, attribute: str) -> str:
    """The value of an attribute that must be there and fit to be shown."""
    value = element.get(attribute)
    if value is None:
        raise DictionaryError(f"has a <{_shown(element.tag)}> without {attribute}")
    if not (value.isascii() and value.isprintable() and 0 < len(value) <= TEXT_CHARACTERS_MAX):
        what = f"1 to {TEXT_CHARACTERS_MAX} printable ASCII characters"
        raise DictionaryError(f"has a <{_shown(element.tag)}> whose {attribute} is not {what}")
    return value


def _shown(text: str) -> str:
    """Somebody's words, fit for a terminal."""
    return "".join(char if " " <= char <= "~" else "?" for char in text[:80])
