"""What the venue's documents leave open, as choices: how this venue behaves there.

A client has to survive each of them. The first way of each choice is the default; it is the one
that agrees best with the documents' samples and with captures (spec section 22).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

UNKNOWN_CANCEL = "unknown-cancel"
EMPTY_MASS_CANCEL = "empty-mass-cancel"
LIST_REFUSAL = "list-refusal"
LIST_CHANGES = "list-changes"
OCO_PARTNER = "oco-partner"
SPENT_AMEND = "spent-amend"
PREVENTION_SURVIVOR = "prevention-survivor"


class ChoiceError(Exception):
    """There is no such choice; the text is one line that says which there are."""


class Choice(NamedTuple):
    """One thing left open. ways: what may be chosen, the default first."""

    name: str
    ways: tuple[str, ...]
    meaning: str


CHOICES = (
    Choice(
        UNKNOWN_CANCEL,
        ("-2011", "-1013"),
        "ErrorCode<25016> of a cancel for an order that is not there",
    ),
    Choice(
        EMPTY_MASS_CANCEL,
        ("refuse", "report"),
        "refuse a mass cancel where nothing is open, or report that it cancelled 0 orders",
    ),
    Choice(
        SPENT_AMEND,
        ("expire", "refuse"),
        "amend to what is traded already, or less: end the order, or refuse the amend",
    ),
    Choice(
        PREVENTION_SURVIVOR,
        ("expired", "replaced", "silent"),
        "ExecType<150> of an order that self-trade prevention leaves alive, or no report of it",
    ),
    Choice(
        LIST_REFUSAL,
        ("orders", "list"),
        "code and text of a refused list stand at each of its orders, or at the list",
    ),
    Choice(
        LIST_CHANGES,
        ("silent", "told"),
        "whether ListStatus also tells what becomes of single orders of a list",
    ),
    Choice(
        OCO_PARTNER,
        ("expired", "canceled"),
        "ExecType of the one order of a pair once the other trades or is set off",
    ),
)


def choose(wanted: Mapping[str, str]) -> dict[str, str]:
    """The way of each choice by its name: the default, where nothing else is wanted.

    Raises ChoiceError for a choice, or a way, that is not there.
    """
    known = {choice.name: choice for choice in CHOICES}
    for name, way in wanted.items():
        if name not in known:
            raise ChoiceError(f"no choice {name!r}; there are {', '.join(known)}")
        if way not in known[name].ways:
            raise ChoiceError(f"{name}: {way!r} is none of {', '.join(known[name].ways)}")
    return {choice.name: wanted.get(choice.name, choice.ways[0]) for choice in CHOICES}


def table() -> str:
    """One line for each choice, for people."""
    return "\n".join(
        f"  {one.name:19} {one.meaning} ({', '.join(one.ways)}; default {one.ways[0]})"
        for one in CHOICES
    )
