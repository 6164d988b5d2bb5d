"""The conversation alone: what depends on time, and the order of report numbers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fixengine.client import NoAnswer, TooManyUnanswered
from fixengine.client.conversation import EVENTS_PER_CHECK_MAX, UNANSWERED_MAX, Conversation
from fixengine.messages import (
    MESSAGE_BYTES_MAX,
    Gap,
    Hello,
    NewOrderSingle,
    OrderCancelRequest,
    SessionStatus,
    Welcome,
    encode,
    request_decoder,
)
from scripted_engine import (
    EPOCH,
    cancel_reject,
    gap,
    order,
    refused,
    report,
    sent,
    unknown,
    welcome,
)


def conversation(*, next_seq: int = 1, ipc: bool = True, welcomed: bool = True) -> Conversation:
    """A conversation welcomed at 2000 ns, whose engine's clock is 3000 ns ahead."""
    talk = Conversation(
        Hello("maker"),
        valid_for_ms=1000,
        answer_timeout_ms=10,
        clock_is_shared=ipc,
        run_id="run",
    )
    talk.connected()
    talk.greeted()
    if welcomed:
        talk.receive(encode(Welcome("maker", 1, EPOCH, next_seq, 5_000, "ready")), 2_000)
    return talk


def take_all(talk: Conversation) -> list[Any]:
    events = []
    while talk.has_events:
        talk.asked_for_next()
        events.append(talk.take())
    talk.asked_for_next()
    return events


@pytest.mark.parametrize(
    ("answer", "answered"),
    [
        (report(1, "a"), True),
        (report(1, "a", ord_status="8", exec_type="8"), True),
        (report(1, "cancel", orig_cl_ord_id="a"), True),
        (refused(1, "a"), True),
        (refused(0, "a"), True),
        (unknown(1, "a"), True),
        (cancel_reject(1, "a"), True),
        (sent(1, "a"), False),
        (report(1, "b"), False),
        (SessionStatus(1, EPOCH, "S1", False, 5, "down"), False),
    ],
)
def test_what_counts_as_an_answer(answer: Any, answered: bool) -> None:
    talk = conversation()
    talk.sent("a", 0)
    talk.receive(encode(answer), 1)
    assert talk.deadline == (None if answered else 10_000_000)


def test_each_request_is_awaited_from_its_own_sending() -> None:
    talk = conversation()
    talk.sent("a", 0)
    talk.sent("b", 1)
    talk.sent("a", 2)
    talk.check(10_000_000)
    with pytest.raises(NoAnswer, match="'b'"):
        talk.check(10_000_001)
    assert talk.deadline == 10_000_002
    with pytest.raises(NoAnswer, match="'a'"):
        talk.check(99_000_000)
    talk.check(99_000_000)


def test_an_endless_stream_does_not_hide_a_silence() -> None:
    talk = conversation()
    talk.sent("a", 0)
    for seq in range(1, EVENTS_PER_CHECK_MAX):
        talk.receive(encode(report(seq)), 99_000_000)
    with pytest.raises(NoAnswer):
        talk.receive(encode(report(EVENTS_PER_CHECK_MAX)), 99_000_000)
    assert len(take_all(talk)) == EVENTS_PER_CHECK_MAX


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (order(), "symbol"),
        (order(), "target_strategy"),
        (OrderCancelRequest(orig_cl_ord_id="o"), "order_id"),
    ],
)
def test_a_request_longer_than_the_bus_takes_is_refused_by_its_longest_field(
    request_: Any, name: str
) -> None:
    talk = conversation()
    setattr(request_, name, "x" * MESSAGE_BYTES_MAX)
    with pytest.raises(ValueError, match=rf"^{name}: .* at most 4096 bytes") as caught:
        talk.complete(request_, 3_000)
    assert len(str(caught.value)) < 120
    setattr(request_, name, "\u20ac" * 1300)
    length = len(talk.complete(request_, 3_000)[1])
    setattr(request_, name, "\u20ac" * 1300 + "x" * (MESSAGE_BYTES_MAX - length))
    assert len(talk.complete(request_, 3_000)[1]) == MESSAGE_BYTES_MAX


def test_requests_without_answer_are_bounded() -> None:
    talk = conversation()
    for number in range(UNANSWERED_MAX):
        talk.sent(str(number), 0)
    with pytest.raises(TooManyUnanswered, match=r"read reports\(\)"):
        talk.complete(order(), 1)
    talk.receive(encode(report(1, "5")), 1)
    talk.complete(order(), 1)


# --- the order of numbers -------------------------------------------------------------------


def sent_ns(talk: Conversation, now: int) -> int:
    _, payload = talk.complete(order(), now)
    request = request_decoder.decode(payload)
    assert isinstance(request, NewOrderSingle)
    return request.sent_ns


def numbers(events: list[Any]) -> list[Any]:
    return [
        (event.missing_from, event.missing_to) if isinstance(event, Gap) else event.report_seq
        for event in events
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([report(1), gap(5, 2, 5), report(6)], [1, (2, 5), 6]),
        ([report(1), gap(2, 2, 5), report(6)], [1, (2, 5), 6]),
        ([report(1), gap(6, 2, 5), report(7)], [1, (2, 5), 7]),
        ([report(1), gap(5, 3, 5), report(6)], [1, (2, 4), (3, 5), 6]),
        ([report(1), gap(2, 2, 5), report(8)], [1, (2, 5), (3, 7), 8]),
        ([report(1), gap(3, 2, 3), report(9)], [1, (2, 3), (4, 8), 9]),
    ],
)
def test_the_engines_gap_and_ours_add_up(events: list[Any], expected: list[Any]) -> None:
    talk = conversation()
    for event in events:
        talk.receive(encode(event), 1)
    assert numbers(take_all(talk)) == expected


def test_a_newer_run_with_older_numbers_is_another_record() -> None:
    talk = conversation()
    for seq in range(1, 6):
        talk.receive(encode(report(seq)), 1)
    assert numbers(take_all(talk)) == [1, 2, 3, 4, 5]
    talk.acknowledged = 5
    talk.disconnected()
    talk.connected()
    assert msgspec.msgpack.decode(talk.hello())[3] == 6
    talk.greeted()
    talk.receive(encode(Welcome("maker", 1, EPOCH + 9, 3, 5_000, "ready")), 2)
    assert (talk.acknowledgeable, talk.acknowledged) == (2, 2)
    talk.receive(encode(report(3, replayed=True)), 2)
    assert talk.acknowledgeable == 3
    assert not talk.has_events
    talk.receive(encode(report(4, epoch=EPOCH + 9)), 2)
    talk.receive(encode(report(5, epoch=EPOCH + 9, replayed=True)), 2)
    talk.receive(encode(report(5, epoch=EPOCH + 9, replayed=True)), 2)
    assert talk.acknowledgeable == 3
    assert numbers(take_all(talk)) == [(6, 6), 4, 5]
    assert (talk.processed, talk.acknowledgeable) == (5, 5)


def test_a_recorded_outcome_of_an_older_run_does_not_move_the_run_back() -> None:
    talk = conversation()
    for event in (report(1, epoch=EPOCH + 1), report(2, epoch=EPOCH), report(2, epoch=EPOCH + 1)):
        talk.receive(encode(event), 1)
    assert numbers(take_all(talk)) == [1, 2]


def test_one_that_was_cut_off_says_hello_again_and_hears_nothing_twice() -> None:
    talk = conversation()
    talk.receive(encode(report(1)), 1)
    talk.receive(encode(refused(0, "", "lagging")), 1)
    assert talk.state.name == "CONNECTED"
    told = take_all(talk)
    assert [getattr(event, "reason", "") for event in told] == ["", "lagging"]
    assert msgspec.msgpack.decode(talk.hello())[3] == 2
    talk.greeted()
    talk.receive(encode(refused(2, "", "limit")), 1)
    talk.receive(encode(welcome(2)), 1)
    assert talk.state.name == "READY", "a numbered refusal is no answer to Hello"
    for seq in (2, 3):
        talk.receive(encode(report(seq, replayed=True)), 1)
    assert numbers(take_all(talk)) == [2, 3]


def test_nothing_is_acknowledged_that_was_not_received() -> None:
    talk = conversation(next_seq=7)
    assert talk.acknowledgeable == talk.acknowledged == 6


def test_an_event_before_the_first_welcome_is_not_taken() -> None:
    talk = conversation(welcomed=False)
    talk.receive(encode(report(1)), 1)
    talk.receive(b"rubbish", 1)
    assert not talk.has_events


def test_a_welcome_of_a_connection_that_is_gone_is_not_taken() -> None:
    talk = conversation()
    talk.disconnected()
    talk.connected()
    talk.receive(encode(welcome(1, EPOCH + 1)), 1)
    assert (talk.state.name, talk.epoch) == ("CONNECTED", EPOCH)


def test_over_tcp_time_counts_from_the_arrival_of_welcome() -> None:
    assert sent_ns(conversation(ipc=False), 2_500) == 5_500
    assert sent_ns(conversation(ipc=True), 2_500) == 2_500
