"""What the exchange answers, for tests: its values, its bytes, and the dictionary behind them."""

from __future__ import annotations

from types import SimpleNamespace

from fixengine import wire
from fixengine.fix.dictionary.model import Dictionary, Member
from fixengine.fix.venue import Complaint, Row, Sender, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.simulator.reports import Answer

TIME = b"20231114-22:13:20.000000"
HEADER = (8, 9, 35, 49, 56, 34, 52, 10)


def request(rows: tuple[Row, ...], **values: str) -> SimpleNamespace:
    """A request as the venue reads it: every row's name, None where nothing is given."""
    assert values.keys() <= {row.name for row in rows}
    return SimpleNamespace(**{row.name: None for row in rows} | values)


def answered(result: list[Answer] | Complaint) -> list[Answer]:
    assert not isinstance(result, Complaint), result
    return result


def pairs_of(answer: Answer) -> list[tuple[int, str]]:
    """The fields behind the header, as they stand on the wire."""
    form = template(BINANCE_SPOT, answer.kind, Sender.VENUE, "DESK1")
    framer = wire.Framer()
    framer.feed(form.encode(None, 1, TIME, answer.values))
    return [(tag, value.decode()) for tag, value in next(framer).fields() if tag not in HEADER]


def told(answer: Answer, *tags: int) -> dict[int, str]:
    """Fields of the answer as on the wire, all or those with these tags."""
    return {tag: text for tag, text in pairs_of(answer) if not tags or tag in tags}


def rest_of(members: tuple[Member, ...], pairs: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """What is left of the fields once those of the dictionary are taken off, in its order."""
    for one in members:
        if pairs and pairs[0][0] == one.tag:
            (_, text), *pairs = pairs
            for _ in range(int(text) if one.members else 0):
                pairs = rest_of(one.members or (), pairs)
    return pairs


def hold_against(official: Dictionary, answers: list[Answer]) -> None:
    """Each answer has fields of the dictionary, in its order, with values that it knows."""
    for answer in answers:
        members = official.messages[answer.kind.decode()].members
        pairs = pairs_of(answer)
        assert rest_of(members, pairs) == []
        assert {one.tag for one in members if one.required == "Y"} <= {tag for tag, _ in pairs}
        for tag, text in pairs:
            assert text in official.enums.get(tag, {text: ""}), tag
