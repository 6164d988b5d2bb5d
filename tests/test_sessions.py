"""The control plane: when it connects, under which CompID, and when it gives up."""

from __future__ import annotations

from fixengine.fix.states import Event, Happening
from fixengine.fix.venue import Window
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import SessionState
from fixengine.network.sessions import (
    Clear,
    Connect,
    Ended,
    LogOut,
    Phase,
    Sessions,
    Status,
)

SECOND_NS = 1_000_000_000
HEARTBEAT_NS = 30 * SECOND_NS
WINDOW = Window(15, 30 * SECOND_NS, "30 SECOND")
ON = Event(Happening.LOGGED_ON, "u")


def sessions(**more: object) -> Sessions:
    return Sessions(BINANCE_SPOT, ("A", "B"), HEARTBEAT_NS, WINDOW, **more)  # type: ignore[arg-type]


def connects(effects: list) -> list[str]:
    return [effect.comp_id for effect in effects if isinstance(effect, Connect)]


def up(now: int = 0) -> Sessions:
    plane = sessions()
    assert connects(plane.tick(now)) == ["A"]
    plane.on_event(ON, now, 0)
    assert plane.phase is Phase.UP
    return plane


def test_it_connects_at_once_and_only_once() -> None:
    plane = sessions()
    assert connects(plane.tick(0)) == ["A"]
    assert plane.tick(10**12) == []
    assert plane.deadline is None


def test_an_unclean_end_locks_the_id_and_takes_the_next() -> None:
    plane = up()
    effects = plane.on_event(Event(Happening.LOST, "reset"), 0, 0)
    assert [type(effect) for effect in effects] == [Status]
    assert connects(plane.tick(plane.deadline or 0)) == ["B"]


def test_with_every_id_locked_it_waits_for_the_first_to_be_free() -> None:
    plane = up()
    plane.on_event(Event(Happening.LOST, "reset"), 0, 0)
    due = plane.deadline or 0
    plane.tick(due)
    plane.on_event(ON, due, 0)
    plane.on_event(Event(Happening.LOST, "reset"), due, 0)
    assert plane.deadline == 2 * HEARTBEAT_NS
    assert connects(plane.tick(2 * HEARTBEAT_NS)) == ["A"]


def test_marks_of_an_earlier_run_count() -> None:
    plane = sessions(locked_until_ns={"A": 50 * SECOND_NS, "B": 0})
    assert connects(plane.tick(0)) == ["B"]
    plane = sessions(locked_until_ns={"A": 50 * SECOND_NS, "B": 60 * SECOND_NS})
    assert connects(plane.tick(50 * SECOND_NS - 1)) == []
    assert connects(plane.tick(50 * SECOND_NS)) == ["A"]


def test_a_clean_logout_frees_the_id_and_comes_back_at_once() -> None:
    plane = up()
    later = 61 * SECOND_NS
    effects = plane.on_event(Event(Happening.LOGGED_OUT, "", clean=True), later, 0)
    assert [type(effect) for effect in effects] == [Clear, Status]
    assert connects(plane.tick(later)) == ["B"]


def test_a_venue_that_ends_every_session_at_once_is_not_stormed() -> None:
    plane = up()
    now, waits = 0, []
    for _ in range(6):
        plane.on_event(Event(Happening.LOGGED_OUT, "", clean=True), now, 0)
        waits.append(((plane.deadline or 0) - now) // SECOND_NS)
        now = plane.deadline or 0
        plane.tick(now)
        plane.on_event(ON, now, 0)
    assert waits == [0, 2, 4, 8, 16, 30]


def test_attempts_never_exceed_the_window_whatever_fails() -> None:
    plane = sessions()
    made: list[int] = []
    now = 0
    while now < 200 * SECOND_NS:
        if connects(plane.tick(now)):
            made.append(now)
            # Refusals that ask for another attempt at once are the fastest way to fail.
            plane.failures = 0
            plane.connect_failed("refused", now, 0)
        now = max(now + 1, plane.deadline or 0)
    for index in range(len(made) - 15):
        assert made[index + 15] - made[index] > WINDOW.interval_ns
    assert len(made) > 60


def test_attempts_of_an_earlier_run_count() -> None:
    plane = sessions(attempts_ns=tuple(range(15)))
    assert connects(plane.tick(0)) == []
    assert plane.deadline == WINDOW.interval_ns + 1


def test_backoff_grows_to_its_limit() -> None:
    plane = sessions()
    waits = []
    now = 0
    for _ in range(8):
        plane.tick(now)
        plane.connect_failed("no route", now, 0)
        waits.append(((plane.deadline or 0) - now) // SECOND_NS)
        now = plane.deadline or 0
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_wrong_key_ends_the_attempts() -> None:
    plane = sessions()
    plane.tick(0)
    refused = Event(Happening.LOGON_REFUSED, "Signature for this request is not valid.", -1022)
    effects = plane.on_event(refused, 0, 0)
    (ended,) = [effect for effect in effects if isinstance(effect, Ended)]
    assert ended.failed
    assert "-1022" in ended.text
    assert plane.deadline is None


def test_an_id_in_use_is_left_for_the_next() -> None:
    plane = sessions()
    plane.tick(0)
    plane.on_event(Event(Happening.LOGON_REFUSED, "in use", -1033), 0, 0)
    assert connects(plane.tick(plane.deadline or 0)) == ["B"]


def test_too_many_connections_waits_a_whole_window() -> None:
    plane = sessions()
    plane.tick(0)
    plane.on_event(Event(Happening.LOGON_REFUSED, "too many", -1034), 0, 0)
    assert (plane.deadline or 0) >= 30 * SECOND_NS


def test_a_stale_session_is_logged_out_and_told() -> None:
    plane = up()
    effects = plane.on_event(Event(Happening.STALE, "hole"), 0, 0)
    assert Status(SessionState.STALE, "hole") in effects
    assert any(isinstance(effect, LogOut) for effect in effects)


def test_stopping_logs_out_and_ends_cleanly_or_not() -> None:
    plane = up()
    assert isinstance(plane.stop("stop", 0)[0], LogOut)
    effects = plane.on_event(Event(Happening.LOGGED_OUT, "", clean=True), 1, 0)
    assert isinstance(effects[0], Clear)
    assert effects[-1] == Ended("logged out", clean=True, failed=False)

    plane = up()
    plane.stop("stop", 0)
    effects = plane.on_event(Event(Happening.LOST, "not answered"), 1, 0)
    assert effects[-1] == Ended("not answered", clean=False, failed=False)
    assert not any(isinstance(effect, Clear) for effect in effects)


def test_stopping_after_an_unclean_end_says_so() -> None:
    plane = up()
    plane.on_event(Event(Happening.LOST, "reset"), 0, 0)
    (effect,) = plane.stop("stop", 1)
    assert effect == Ended("stop", clean=False, failed=False)


def test_stopping_while_nothing_is_up_ends_at_once() -> None:
    (effect,) = sessions().stop("stop", 0)
    assert effect == Ended("stop", clean=True, failed=False)


def test_a_long_wait_is_told_once_with_its_reason_and_its_end() -> None:
    plane = sessions(locked_until_ns={"A": 50 * SECOND_NS, "B": 60 * SECOND_NS})
    (told,) = plane.tick(0)
    assert isinstance(told, Status)
    assert (told.state, told.until_ns) == (SessionState.DOWN, 50 * SECOND_NS)
    assert "every SenderCompID rests" in told.text
    assert "50000 ms" in told.text
    assert plane.tick(SECOND_NS) == []

    plane = sessions(attempts_ns=tuple(range(15)))
    (told,) = plane.tick(20)
    assert isinstance(told, Status)
    assert told.until_ns == WINDOW.interval_ns + 1
    assert "15 connection attempts in 30 s" in told.text
    assert plane.tick(21) == []


def test_what_follows_a_loss_says_why_it_takes_so_long() -> None:
    plane = sessions(locked_until_ns={"B": 100 * SECOND_NS})
    plane.tick(0)
    plane.on_event(ON, 0, 0)
    (told,) = plane.on_event(Event(Happening.LOST, "reset"), 0, 0)
    assert isinstance(told, Status)
    assert told.text.startswith("reset; every SenderCompID rests")
    assert told.until_ns == 2 * HEARTBEAT_NS
    assert plane.tick(1) == [], "it was told already"


def test_a_logon_answered_after_the_stop_is_no_news_for_strategies() -> None:
    plane = sessions()
    plane.tick(0)
    assert [type(effect) for effect in plane.stop("engine stops", 0)] == [LogOut]
    assert plane.on_event(ON, 0, 0) == []
    effects = plane.on_event(Event(Happening.LOGGED_OUT, "", clean=True), 0, 0)
    (ended,) = [effect for effect in effects if isinstance(effect, Ended)]
    assert ended.clean
    assert Clear("A") in effects
