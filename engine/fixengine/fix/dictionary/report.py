"""The differences in words: lines for people, grouped by message, or one object for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fixengine.fix.dictionary.compare import Comparison
from fixengine.fix.dictionary.model import HEADER, TRAILER, Dictionary, Difference
from fixengine.fix.venue import Venue

REQUIRED = {
    "Y": "required",
    "N": "optional",
    "any": "required, or another field of its component",
    "with": "required with its component",
    "client only": "required of the client only",
    "venue only": "required of the venue only",
}


class _Words:
    """Names of everything, theirs first: the newer word is the one to look for."""

    def __init__(self, theirs: Dictionary, ours: Dictionary) -> None:
        self.names = {**ours.names, **theirs.names}
        messages = {**ours.messages, **theirs.messages}
        self.kinds = {kind: message.name for kind, message in messages.items()}

    def field(self, tag: int) -> str:
        """A field for people, such as `Side<54>`."""
        return f"{self.names[tag]}<{tag}>" if tag in self.names else f"tag {tag}"

    def heading(self, item: Difference) -> str:
        """What a difference belongs to: a message, the fields as such, or the whole."""
        kind = item.path.partition("/")[0]
        if not kind:
            return "Fields" if item.tag else "Dictionary"
        return self.kinds[kind] if kind in (HEADER, TRAILER) else f"{self.kinds[kind]}<{kind}>"

    def groups(self, path: str) -> str:
        """Within which groups, for the end of a sentence."""
        tags = path.split("/")[1:]
        return "".join(f" in {self.field(int(tag))}" for tag in reversed(tags))

    def place(self, text: str) -> str:
        """Where a field stands; text: the tag before it, or "first"."""
        return "first" if text == "first" else f"behind {self.field(int(text))}"

    def sentence(self, item: Difference) -> str:
        """One difference as a line, with a sign: + new, - gone, ~ changed."""
        path, tag, what, theirs, ours = item
        sign = "~" if theirs and ours else "+" if theirs else "-"
        subject = self.field(tag) + self.groups(path) if tag else "the message"
        said, own = REQUIRED.get(theirs, theirs), REQUIRED.get(ours, ours)
        if what == "field" and path:
            text = f"{subject} is new, {said}" if theirs else f"{subject} is gone"
        elif what in ("field", "message"):
            text = f"{subject} is new" if theirs else f"{subject} is gone"
        elif what == "place":
            text = f"{subject} stands {self.place(theirs)}; here {self.place(ours)}"
        elif what == "version":
            text = f"version {theirs}; here {ours}"
        elif what.startswith("value "):
            told = {"~": f"is {theirs}; here {ours}", "+": f"{theirs} is new"}
            text = f"{subject}: {what} {told.get(sign, f'{ours} is gone')}"
        elif what == "required":
            text = f"{subject} is {said}; here {own}"
        elif what == "group":
            text = f"{subject} is a {theirs}; here a {ours}"
        else:
            text = f"{subject}: {what} is {theirs}" + (f"; here {ours}" if ours else "")
        return f"{sign} {text}"


def lines(
    venue: Venue, scope: str, theirs: Dictionary, ours: Dictionary, comparison: Comparison
) -> Iterator[str]:
    """What people read, line by line."""
    words = _Words(theirs, ours)
    yield f"{venue.scopes[scope].title}, against the table of {venue.name}"
    heading = ""
    for item in comparison.new:
        if words.heading(item) != heading:
            heading = words.heading(item)
            yield ""
            yield heading
        yield "  " + words.sentence(item)
    if comparison.settled:
        yield ""
        yield "No longer so in the dictionary, though the table's list of departures has it"
        for override in comparison.settled:
            yield f"  {words.sentence(Difference(*override[1:6]))} ({override.why})"
    yield ""
    count = len(comparison.new)
    what = f"{count} difference{'' if count == 1 else 's'}" if count else "no differences"
    yield f"{what}; {len(comparison.known)} known departures of the table left out"


def as_json(
    venue: Venue, scope: str, theirs: Dictionary, ours: Dictionary, comparison: Comparison
) -> dict[str, Any]:
    """The same as one object: what a program needs, and each line's text."""
    words = _Words(theirs, ours)

    def told(item: Difference) -> dict[str, Any]:
        return {
            **item._asdict(),
            "message": words.heading(item) if item.path else None,
            "field": words.names.get(item.tag),
            "text": words.sentence(item)[2:],
        }

    return {
        "venue": venue.name,
        "dictionary": scope,
        "differences": [told(item) for item in comparison.new],
        "known": len(comparison.known),
        "settled": [
            {**told(Difference(*item[1:6])), "why": item.why} for item in comparison.settled
        ],
    }
