"""Dictionaries for tests, written from our own table: nothing of the venue's files is copied.

`official` undoes the overrides, so that it says what the venue's dictionary says as far as our
table knows; where the real one lies beside the checkout, a test holds the two against each other.
"""

from __future__ import annotations

from fixengine.fix.dictionary import Dictionary, own
from fixengine.fix.dictionary.compare import OUR_TYPES
from fixengine.fix.dictionary.model import HEADER, TRAILER, Member
from fixengine.fix.venue import Override, Venue

WORDS = {ours: word for word, ours in OUR_TYPES.items()}


class Text:
    """One dictionary being written."""

    def __init__(self, ours: Dictionary, overrides: tuple[Override, ...]) -> None:
        self.ours = ours
        self.undone = {(item.path, item.tag, item.what): item for item in overrides}

    def write(self) -> str:
        """The whole document."""
        kind, major, minor = self.ours.version.split(".")
        parts = [f"<fix type='{kind}' major='{major}' minor='{minor}'>"]
        for place in (HEADER, TRAILER):
            parts += [f"<{place}>", *self.members(place, self.ours.messages[place].members)]
            parts.append(f"</{place}>")
        parts.append("<messages>")
        for path, message in self.ours.messages.items():
            if path in (HEADER, TRAILER):
                continue
            undone = self.undone.get((path, 0, "category"))
            category = undone.theirs if undone else message.category
            parts.append(f"<message name='{message.name}' msgcat='{category}' msgtype='{path}'>")
            parts += [*self.members(path, message.members), "</message>"]
        parts += ["</messages>", "<fields>"]
        for tag in sorted(self.ours.names):
            parts += self.field(tag)
        return "\n".join([*parts, "</fields>", "</fix>"])

    def members(self, path: str, members: tuple[Member, ...]) -> list[str]:
        """The fields of a message or group."""
        chunks: dict[str, list[str]] = {}
        for member in members:
            undone = self.undone.get((path, member.tag, "field"))
            if undone is not None:
                continue
            undone = self.undone.get((path, member.tag, "required"))
            flag = undone.theirs if undone else member.required
            attributes = f"name='{self.ours.names[member.tag]}' required='{flag}'"
            if member.members is None:
                chunks[str(member.tag)] = [f"<field {attributes}/>"]
            else:
                inner = self.members(f"{path}/{member.tag}", member.members)
                chunks[str(member.tag)] = [f"<group {attributes}>", *inner, "</group>"]
        for (at, tag, what), item in self.undone.items():
            if (at, what) == (path, "place"):
                # The data behind a length moves with it.
                moved = [str(tag), "96"] if tag == 95 else [str(tag)]
                order = [key for key in chunks if key not in moved]
                behind = order.index(item.theirs) + 1
                order[behind:behind] = moved
                chunks = {key: chunks[key] for key in order}
        return [line for chunk in chunks.values() for line in chunk]

    def field(self, tag: int) -> list[str]:
        """One definition, with its values."""
        our_type = self.ours.types.get(tag, "str")
        undone = self.undone.get(("", tag, "type"))
        word = undone.theirs if undone else WORDS[our_type]
        head = f"<field number='{tag}' name='{self.ours.names[tag]}' type='{word}'"
        values = []
        for value, name in self.ours.enums.get(tag, {}).items():
            undone = self.undone.get(("", tag, f"value {value}"))
            said = undone.theirs if undone else name
            if said:
                values.append(f"<value enum='{value}' description='{said}'/>")
        return [head + ">", *values, "</field>"] if values else [head + "/>"]


def official(venue: Venue, scope: str = "order_entry") -> str:
    """What the venue's dictionary says, by our table and its overrides."""
    overrides = tuple(item for item in venue.overrides if item.scope == scope)
    return Text(own(venue, scope), overrides).write()
