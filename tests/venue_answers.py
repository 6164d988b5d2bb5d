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


def flat(members: tuple[Member, ...]) -> list[int]:
    """The tags of a message in the order of the dictionary, those of groups in their places."""
    return [tag for one in members for tag in (one.tag, *flat(one.members or ()))]


def hold_against(official: Dictionary, answers: list[Answer]) -> None:
    """Each answer has fields of the dictionary, in its order, with values that it knows."""
    for answer in answers:
        members = official.messages[answer.kind.decode()].members
        pairs = pairs_of(answer)
        tags = [tag for tag, _ in pairs]
        assert tags == [tag for tag in flat(members) if tag in tags]
        assert {one.tag for one in members if one.required == "Y"} <= set(tags)
        for tag, text in pairs:
            assert text in official.enums.get(tag, {text: ""}), tag
