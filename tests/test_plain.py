"""Classic FIX: the grammar's faults, framing behind garbage, and what a history remembers."""

from __future__ import annotations

import pytest
from fixengine.fix.gaps import HELD_MAX, Gaps
from fixengine.fix.history import History
from fixengine.fix.resync import Resync
from fixengine.fix.validate import Fault, fault_of, split
from fixengine.fix.venues.plain import plain

HEAD = "34=2|49=A|52=20260101-00:00:00|56=B|"
ORDER = "11=ID|21=1|40=1|54=1|38=200.00|55=INTC|60=20260101-00:00:00|"


def framed(text: str, begin: str = "FIX.4.4") -> bytes:
    body = text.replace("|", "\x01").encode()
    head = f"8={begin}\x019={len(body)}\x01".encode() + body
    return head + b"10=%03d\x01" % (sum(head) % 256)


@pytest.mark.parametrize(
    ("kind", "text", "fault"),
    [
        ("0", HEAD, None),
        ("0", HEAD + "999=HI|", Fault(0, 999)),
        ("0", HEAD + "0=HI|", Fault(0, 0)),
        ("0", HEAD + "-1=HI|", Fault(0, -1)),
        ("0", HEAD + "55=MSFT|", Fault(2, 55)),
        ("0", HEAD + "112=|", Fault(4, 112)),
        ("0", HEAD.replace("56=B|", ""), Fault(1, 56)),
        ("D", HEAD + ORDER, None),
        ("D", HEAD + ORDER.replace("11=ID|", ""), Fault(1, 11)),
        ("D", HEAD + ORDER.replace("21=1", "21=4"), Fault(5, 21)),
        ("D", HEAD + ORDER.replace("200.00", "+200.00"), Fault(6, 38)),
        ("D", HEAD + ORDER + "40=2|", Fault(13, 40)),
        ("D", ORDER + HEAD, Fault(14, 34)),
        ("D", HEAD + ORDER + "386=3|336=PRE|336=AFTER|", Fault(16, 386)),
        ("D", HEAD + ORDER + "386=1|625=X|336=PRE|", Fault(15, 625)),
        ("D", HEAD + ORDER + "386=2|336=PRE|625=X|336=AFTER|", None),
    ],
)
def test_a_fault_is_named_by_reason_and_tag(kind: str, text: str, fault: Fault | None) -> None:
    grammar = plain("FIX.4.4", "V").grammar
    assert grammar is not None
    pairs = split(framed(f"35={kind}|{text}"), grammar)
    assert fault_of(pairs, kind.encode(), grammar) == fault


def test_framing_goes_on_behind_what_is_garbled() -> None:
    good = [framed(f"35=0|34={seq}|") for seq in range(1, 7)]
    wrong_sum = good[1][:-4] + b"999\x01"
    too_short = good[3].replace(b"9=10", b"9=07", 1)
    no_kind = framed("34=3|35=0|")
    stream = b"x8=FI" + good[0] + wrong_sum + good[2] + no_kind + too_short + good[5]
    for step in (1, 7, len(stream)):
        resync = Resync(message_bytes_max=4096)
        seen = []
        for at in range(0, len(stream), step):
            resync.feed(stream[at : at + step])
            seen += [bytes(message) for message in resync]
        assert seen == [good[0], good[2], good[5]]
        assert resync.garbled == 3


def test_a_history_is_rebuilt_from_its_changes() -> None:
    history = History(recorded=True)
    history.sent(1)
    history.sent(2, b"order")
    history.received(5)
    for changes in (history.take_changes(), history.as_changes()):
        again = History()
        for change in changes:
            again.apply(change)
        assert (again.next_out, again.next_in) == (3, 5)
        assert list(again.frames(1, 9)) == [(2, b"order")]
    history.reset()
    assert (history.next_out, history.next_in, list(history.frames(1, 9))) == (1, 1, [])


def test_what_is_held_is_bounded_and_forgotten_once_it_is_behind() -> None:
    gaps = Gaps()
    for seq in range(5, HELD_MAX + 10):
        gaps.hold(seq, b"frame")
    gaps.ask(1)
    assert gaps.take(5) == b"frame"
    assert gaps.take(HELD_MAX + 9) is None
    assert gaps.missing(7)
    assert gaps.take(6) is None
    assert not gaps.missing(HELD_MAX + 10)
    assert (gaps.asked_at_ns, gaps.asked, gaps.take(8)) == (None, 0, None)


def test_a_resend_overtaken_by_more_than_can_be_held_is_asked_on_at_once() -> None:
    """What found no room is not in that resend: to wait for it would be to wait for the timeout."""
    gaps = Gaps()
    gaps.hold(5, b"frame")
    gaps.ask(1)
    for seq in range(6, HELD_MAX + 10):
        gaps.hold(seq, b"frame")
    assert gaps.awaits(4)
    assert gaps.awaits(5)
    due = 5
    while gaps.take(due) is not None:
        due += 1
    assert due == HELD_MAX + 5
    assert gaps.missing(due)
    assert not gaps.awaits(due)
    gaps.ask(2)
    assert gaps.awaits(due)
