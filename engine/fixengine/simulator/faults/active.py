"""Which faults hold now: for whom, and how often still. No I/O.

Sessions are known by their SenderCompID, which is "" until a Logon has come: a fault with a
session of its own does not fit before. Without faults each question costs one look at an empty
list.
"""

from __future__ import annotations

from typing import Any

from fixengine.simulator.faults.names import Asked, kinds

ACTIVE_MAX = 1000


class Active:
    """One fault that holds. number: names it to the user."""

    __slots__ = ("_after", "_kinds", "asked", "name", "number", "times", "values")

    def __init__(self, number: int, asked: Asked) -> None:
        self.number = number
        self.asked = asked
        self.name = asked.fault.name
        self.values: dict[str, Any] = asked.values
        self.times = asked.times
        self._after = asked.after
        self._kinds = kinds(asked.values) if "kind" in asked.values else None

    def fits(self, session: str, kind: bytes | None) -> bool:
        """Whether it holds for a session, and for a message of this kind."""
        if self.asked.session not in (None, session):
            return False
        return self._kinds is None or kind in self._kinds

    def passes_over(self) -> bool:
        """Count one that fits; whether it is one of those to leave alone."""
        if self._after:
            self._after -= 1
            return True
        self.times -= 1
        return False


class Faults:
    """All faults that hold, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.active: list[Active] = []
        self._number = 0

    def add(self, asked: Asked) -> Active | None:
        """Let a fault hold; None where ACTIVE_MAX do already."""
        if len(self.active) >= ACTIVE_MAX:
            return None
        self._number += 1
        one = Active(self._number, asked)
        self.active.append(one)
        return one

    def clear(self, name: str | None, session: str | None) -> list[Active]:
        """End those with this name and this session, None for any; those that ended."""
        ended = [
            one
            for one in self.active
            if name in (None, one.name) and session in (None, one.asked.session)
        ]
        self.active = [one for one in self.active if one not in ended]
        return ended

    def standing(self, name: str, session: str) -> Active | None:
        """The first fault of this name that holds for a session; nothing is counted."""
        if not self.active:
            return None
        for one in self.active:
            if one.name == name and one.fits(session, None):
                return one
        return None

    def take(self, name: str, session: str, kind: bytes | None = None) -> Active | None:
        """The fault of this name that a message of a session meets; it is counted."""
        if not self.active:
            return None
        for one in self.active:
            if one.name == name and one.fits(session, kind) and not one.passes_over():
                if one.times <= 0:
                    self.active.remove(one)
                return one
        return None

    def take_all(self, name: str, session: str, kind: bytes) -> list[Active]:
        """Every fault of this name that a message meets; each is counted."""
        if not self.active:
            return []
        met = [one for one in self.active if one.name == name and one.fits(session, kind)]
        met = [one for one in met if not one.passes_over()]
        self.active = [one for one in self.active if one.times > 0]
        return met

    def acts_at_logon(self, session: str) -> list[Active]:
        """What is to be done now that a session has logged on; each is counted."""
        acts = [one for one in self.active if one.asked.at_logon and one.fits(session, None)]
        for one in acts:
            one.passes_over()
        self.active = [one for one in self.active if one.times > 0]
        return acts
