"""The control plane: when it connects, under which CompID, and when it gives up."""

from __future__ import annotations

from typing import Any

import pytest
from fixengine.fix.states import Event, Happening
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import SessionState
from fixengine.network.sessions import (
    Clear,
    Connect,
    Effect,
    Ended,
    LogOut,
    Sessions,
    SetClock,
    Status,
)
from fixengine.network.slot import ONLY_POST, posts_of

SECOND_NS = 1_000_000_000
HEARTBEAT_NS = 30 * SECOND_NS
WINDOW = BINANCE_SPOT.profiles["order_entry"].limits.connection_attempts
ON = Event(Happening.LOGGED_ON, "u")
OUT = Event(Happening.LOGGED_OUT, "", clean=True)
LOST = Event(Happening.LOST, "reset")
UNANSWERED = "no Logout was answered of the last session as %s"
NEWS = Event(Happening.NEWS, "You'll be disconnected in 60 seconds. Please reconnect.")


def sessions(**more: Any) -> Sessions:
    return Sessions(BINANCE_SPOT, (ONLY_POST,), ("A", "B"), HEARTBEAT_NS, **more)


def connects(effects: list[Effect]) -> list[str]:
    return [effect.comp_id for effect in effects if isinstance(effect, Connect)]


def logouts(effects: list[Effect]) -> list[str]:
    return [effect.comp_id for effect in effects if isinstance(effect, LogOut)]


def up(now: int = 0) -> Sessions:
    plane = sessions()
    assert connects(plane.tick(now)) == ["A"]
    plane.on_event("A", ON, now, 0)
    assert plane.state is SessionState.ACTIVE
    return plane


def several(
    count: int = 2, report_sessions: int = 1, drop_copy: bool = False, ids: str = "ABCDEFGHIJ"
) -> Sessions:
    """All sessions up at 0, under the first ids of the pool."""
    posts = posts_of(BINANCE_SPOT, count, report_sessions, drop_copy)
    plane = Sessions(BINANCE_SPOT, posts, tuple(ids), HEARTBEAT_NS)
    for comp_id in connects(plane.tick(0)):
        plane.on_event(comp_id, ON, 0, 0)
    return plane


def test_it_connects_at_once_and_only_once() -> None:
    plane = sessions()
    assert connects(plane.tick(0)) == ["A"]
    assert plane.tick(10**12) == []
    assert plane.deadline is None


def test_an_unclean_end_locks_the_id_and_takes_the_next() -> None:
    plane = up()
    effects = plane.on_event("A", LOST, 0, 0)
    assert [type(effect) for effect in effects] == [Status]
    assert connects(plane.tick(plane.deadline or 0)) == ["B"]


def test_an_id_rests_from_the_end_of_its_connection() -> None:
    plane = sessions()
    plane.tick(0)
    plane.on_event("A", ON, 0, 0)
    plane.disconnected("A", 0)
    plane.on_event("A", LOST, 0, 0)
    plane.disconnected("A", SECOND_NS)
    due = plane.deadline or 0
    assert connects(plane.tick(due)) == ["B"]
    plane.on_event("B", ON, due, 0)
    plane.on_event("B", OUT, due, 0)
    plane.disconnected("B", due)
    assert connects(plane.tick(plane.deadline or 0)) == ["B"], "one that was logged out is free"
    plane.on_event("B", Event(Happening.LOGON_REFUSED, "in use", -1033), 10 * SECOND_NS, 0)
    assert plane.deadline == SECOND_NS + 2 * HEARTBEAT_NS


def test_with_every_id_locked_it_waits_for_the_first_to_be_free() -> None:
    plane = up()
    plane.on_event("A", LOST, 0, 0)
    due = plane.deadline or 0
    plane.tick(due)
    plane.on_event("B", ON, due, 0)
    plane.on_event("B", LOST, due, 0)
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
    effects = plane.on_event("A", OUT, later, 0)
    assert [type(effect) for effect in effects] == [Clear, Status]
    assert connects(plane.tick(later)) == ["B"]


def test_a_venue_that_ends_every_session_at_once_is_not_stormed() -> None:
    plane = up()
    comp_id, now, waits = "A", 0, []
    for _ in range(6):
        plane.on_event(comp_id, OUT, now, 0)
        waits.append(((plane.deadline or 0) - now) // SECOND_NS)
        now = plane.deadline or 0
        (comp_id,) = connects(plane.tick(now))
        plane.on_event(comp_id, ON, now, 0)
    assert waits == [0, 2, 4, 8, 16, 30]


def test_attempts_never_exceed_the_window_whatever_fails() -> None:
    plane = sessions()
    made: list[int] = []
    now = 0
    while now < 200 * SECOND_NS:
        for comp_id in connects(plane.tick(now)):
            made.append(now)
            # Refusals that ask for another attempt at once are the fastest way to fail.
            plane.connect_failed(comp_id, "refused", now, 0)
            plane.slots[0].failures = 0
        now = max(now + 1, plane.deadline or 0)
    for index in range(len(made) - 15):
        assert made[index + 15] - made[index] > WINDOW.interval_ns
    assert len(made) > 60


def test_attempts_of_an_earlier_run_count() -> None:
    plane = sessions(attempts_ns=tuple(range(15)))
    assert connects(plane.tick(0)) == []
    assert plane.deadline == WINDOW.interval_ns + SECOND_NS


def test_attempts_that_wait_for_the_disk_count_from_when_they_are_made() -> None:
    """The disk answers nobody for 25 s, then all at once."""
    plane = Sessions(
        BINANCE_SPOT, posts_of(BINANCE_SPOT, 9, 2, drop_copy=True), tuple("ABCDEFGHIJKL"), 1
    )
    answers_ns = 25 * SECOND_NS
    made: list[int] = []
    now = 0
    while now < 100 * SECOND_NS:
        for comp_id in connects(plane.tick(now)):
            at = max(now, answers_ns)
            made.append(at)
            if now < answers_ns:
                assert len(made) <= 10, "one for each slot is under way"
            now = at
            plane.connect_failed(comp_id, "refused", now, 0)
        now = max(now + 1, plane.deadline or 0)
    for first, sixteenth in zip(made, made[15:], strict=False):
        assert sixteenth - first > WINDOW.interval_ns
    assert len(made) > 40


def test_a_connection_counts_from_when_it_stands() -> None:
    plane = sessions(attempts_ns=tuple(range(14)))
    assert connects(plane.tick(0)) == ["A"]
    plane.connected("A", 5 * SECOND_NS)
    plane.on_event("A", ON, 6 * SECOND_NS, 0)
    plane.on_event("A", LOST, 7 * SECOND_NS, 0)
    assert plane.deadline == WINDOW.interval_ns + SECOND_NS
    plane = sessions(attempts_ns=(0,) + tuple(range(5 * SECOND_NS, 5 * SECOND_NS + 14)))
    assert connects(plane.tick(31 * SECOND_NS)) == ["A"]
    plane.connected("A", 32 * SECOND_NS)
    plane.on_event("A", Event(Happening.LOGON_REFUSED, "clock", -1021), 33 * SECOND_NS, 0)
    assert plane.deadline == 36 * SECOND_NS


def test_backoff_grows_to_its_limit() -> None:
    plane = sessions()
    waits = []
    now = 0
    for _ in range(8):
        (comp_id,) = connects(plane.tick(now))
        plane.connect_failed(comp_id, "no route", now, 0)
        waits.append(((plane.deadline or 0) - now) // SECOND_NS)
        now = plane.deadline or 0
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_wrong_key_ends_the_attempts() -> None:
    plane = sessions()
    plane.tick(0)
    refused = Event(Happening.LOGON_REFUSED, "Signature for this request is not valid.", -1022)
    effects = plane.on_event("A", refused, 0, 0)
    (ended,) = [effect for effect in effects if isinstance(effect, Ended)]
    assert ended.failed
    assert "-1022" in ended.text
    assert plane.deadline is None


def test_an_id_in_use_is_left_for_the_next() -> None:
    plane = sessions()
    plane.tick(0)
    plane.on_event("A", Event(Happening.LOGON_REFUSED, "in use", -1033), 0, 0)
    assert connects(plane.tick(plane.deadline or 0)) == ["B"]


def test_too_many_connections_waits_a_whole_window() -> None:
    plane = sessions()
    plane.tick(0)
    plane.on_event("A", Event(Happening.LOGON_REFUSED, "too many", -1034), 0, 0)
    assert (plane.deadline or 0) >= 30 * SECOND_NS


def test_a_stale_session_is_logged_out_and_told() -> None:
    plane = up()
    effects = plane.on_event("A", Event(Happening.STALE, "hole"), 0, 0)
    assert effects[0] == Status("A", SessionState.STALE, "hole", alarm=True)
    assert logouts(effects) == ["A"]
    answer = Event(Happening.LOGGED_OUT, "Logout acknowledgment.", clean=True)
    (down,) = (one for one in plane.on_event("A", answer, 1, 0) if isinstance(one, Status))
    assert (down.state, down.text.split(";")[0]) == (SessionState.DOWN, "hole")


def test_stopping_logs_out_and_ends_cleanly_or_not() -> None:
    plane = up()
    assert isinstance(plane.stop("stop", 0)[0], LogOut)
    effects = plane.on_event("A", OUT, 1, 0)
    assert isinstance(effects[0], Clear)
    assert effects[-1] == Ended("logged out", clean=True, failed=False)

    plane = up()
    plane.stop("stop", 0)
    effects = plane.on_event("A", Event(Happening.LOST, "not answered"), 1, 0)
    assert effects[-1] == Ended(UNANSWERED % "A", clean=False, failed=False)
    assert not any(isinstance(effect, Clear) for effect in effects)


def test_stopping_after_an_unclean_end_says_so() -> None:
    plane = up()
    plane.on_event("A", LOST, 0, 0)
    (effect,) = plane.stop("stop", 1)
    assert effect == Ended(UNANSWERED % "A", clean=False, failed=False)


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
    assert told.until_ns == WINDOW.interval_ns + SECOND_NS
    assert "15 connection attempts in 30 s" in told.text
    assert plane.tick(21) == []


def test_what_follows_a_loss_says_why_it_takes_so_long() -> None:
    plane = sessions(locked_until_ns={"B": 100 * SECOND_NS})
    plane.tick(0)
    plane.on_event("A", ON, 0, 0)
    (told,) = plane.on_event("A", LOST, 0, 0)
    assert isinstance(told, Status)
    assert told.text.startswith("reset; every SenderCompID rests")
    assert told.until_ns == 2 * HEARTBEAT_NS
    assert plane.tick(1) == [], "it was told already"


def test_a_logon_answered_after_the_stop_is_no_news_for_strategies() -> None:
    plane = sessions()
    plane.tick(0)
    assert [type(effect) for effect in plane.stop("engine stops", 0)] == [LogOut]
    assert plane.on_event("A", ON, 0, 0) == []
    effects = plane.on_event("A", OUT, 0, 0)
    (ended,) = [effect for effect in effects if isinstance(effect, Ended)]
    assert ended.clean
    assert Clear("A") in effects


def test_a_refused_time_has_the_clock_set_before_the_next_attempt() -> None:
    plane = sessions()
    plane.tick(0)
    effects = plane.on_event("A", Event(Happening.LOGON_REFUSED, "ahead", -1021), 0, 0)
    assert SetClock() in effects
    assert connects(plane.tick(SECOND_NS)) == ["B"]


def test_a_logout_for_too_many_messages_holds_ten_seconds_and_alarms() -> None:
    plane = up()
    text = "Too many messages; current limit is '10000' messages per '10 SECOND'."
    (told,) = plane.on_event("A", Event(Happening.LOGGED_OUT, text), SECOND_NS, 0)
    assert isinstance(told, Status)
    assert told.alarm
    assert plane.deadline == 11 * SECOND_NS
    plane = up()
    (told,) = plane.on_event("A", Event(Happening.LOGGED_OUT, "for maintenance"), SECOND_NS, 0)
    assert isinstance(told, Status)
    assert not told.alarm
    assert plane.deadline == 2 * SECOND_NS


def test_a_session_that_never_logged_on_does_not_end_the_backing_off() -> None:
    plane, now, waits = sessions(), 1000 * SECOND_NS, []
    for _ in range(4):
        (comp_id,) = connects(plane.tick(now))
        plane.connect_failed(comp_id, "no route", now, 0)
        waits.append(((plane.deadline or 0) - now) // SECOND_NS)
        now = plane.deadline or 0
        (comp_id,) = connects(plane.tick(now))
        # Such as a Logon with a wrong MsgSeqNum, long after the last session.
        plane.on_event(comp_id, Event(Happening.LOST, "Logon with MsgSeqNum 5"), now, 0)
        now = max(now, plane.deadline or 0)
    assert waits == [1, 4, 16, 30]


# --- hand-over ------------------------------------------------------------------------------


def leaving() -> Sessions:
    """One session that is to be ended by the venue, and its successor being connected."""
    plane = up()
    told = plane.on_event("A", NEWS, SECOND_NS, 0)
    assert told == [Status("A", SessionState.DRAINING, NEWS.text)]
    assert connects(plane.tick(SECOND_NS)) == ["B"]
    return plane


def test_news_opens_one_successor_however_often_it_comes() -> None:
    plane = leaving()
    for second in range(2, 30):
        plane.on_event("A", NEWS, second * SECOND_NS, 0)
        assert plane.tick(second * SECOND_NS) == []
    assert plane.state is SessionState.ACTIVE, "the old session serves until the new one does"


def test_a_venue_that_leaves_every_session_at_once_is_not_stormed() -> None:
    """All its machines go into maintenance: whatever we connect to says News at once."""
    posts = posts_of(BINANCE_SPOT, 1, 1, drop_copy=False)
    plane = Sessions(BINANCE_SPOT, posts, tuple("ABCDEF"), HEARTBEAT_NS)
    now, waits, old = 0, [], ""
    for _ in range(8):
        (new,) = connects(plane.tick(now))
        plane.on_event(new, ON, now, 0)
        if old:
            plane.drained(old, now)
            plane.on_event(old, OUT, now, 0)
        (told,) = plane.on_event(new, NEWS, now, 0)
        waits.append(((plane.deadline or 0) - now) // SECOND_NS)
        assert isinstance(told, Status)
        assert told.state is SessionState.DRAINING
        wait_ms = waits[-1] * 1000
        assert told.text == NEWS.text + (f"; next attempt in {wait_ms} ms" if wait_ms else "")
        now, old = plane.deadline or 0, new
        assert plane.tick(now - 1) == [] or not wait_ms
    assert waits == [0, 2, 4, 8, 16, 30, 30, 30]
    # A session that lasted makes the next hand-over a first one again.
    now += 1000 * SECOND_NS
    (new,) = connects(plane.tick(now))
    plane.on_event(new, ON, now, 0)
    plane.drained(old, now)
    plane.on_event(old, OUT, now, 0)
    now += 61 * SECOND_NS
    assert plane.on_event(new, NEWS, now, 0) == [Status(new, SessionState.DRAINING, NEWS.text)]
    assert len(connects(plane.tick(now))) == 1


def test_hand_overs_leave_attempts_to_what_has_no_session() -> None:
    posts = posts_of(BINANCE_SPOT, 2, 2, drop_copy=False)
    plane = Sessions(BINANCE_SPOT, posts, tuple("ABCDE"), HEARTBEAT_NS, attempts_ns=(0,) * 8)
    for comp_id in connects(plane.tick(0)):
        plane.on_event(comp_id, ON, 0, 0)
    (told,) = plane.on_event("A", NEWS, 0, 0)
    assert isinstance(told, Status)
    assert (told.comp_id, told.state) == ("A", SessionState.DRAINING)
    assert "15 connection attempts in 30 s" in told.text
    assert told.until_ns == WINDOW.interval_ns + SECOND_NS
    plane.on_event("B", LOST, SECOND_NS, 0)
    now = plane.deadline or 0
    assert now == 2 * SECOND_NS
    assert connects(plane.tick(now)) == ["C"]


def test_the_old_session_drains_once_the_new_one_is_active() -> None:
    plane = leaving()
    assert plane.draining == ()
    effects = plane.on_event("B", ON, 2 * SECOND_NS, 0)
    assert [effect.state for effect in effects if isinstance(effect, Status)] == [
        "active",
        "draining",
    ]
    assert plane.draining == ("A",)
    plane.on_event("A", NEWS, 3 * SECOND_NS, 0)
    assert connects(plane.tick(3 * SECOND_NS)) == []
    assert logouts(plane.drained("A", 3 * SECOND_NS)) == ["A"]
    assert plane.draining == ()
    assert plane.drained("A", 4 * SECOND_NS) == [], "once is enough"
    effects = plane.on_event("A", OUT, 4 * SECOND_NS, 0)
    assert effects == [Clear("A"), Status("A", SessionState.DOWN, "logged out")]
    assert plane.state is SessionState.ACTIVE
    assert plane.deadline is None


def test_what_is_never_answered_does_not_hold_the_old_session_for_ever() -> None:
    plane = leaving()
    plane.on_event("B", ON, 2 * SECOND_NS, 0)
    assert plane.deadline == 2 * SECOND_NS + plane.drain_ns_max
    assert plane.tick(plane.deadline - 1) == []
    assert logouts(plane.tick(plane.deadline)) == ["A"]
    assert plane.deadline is None


def test_a_successor_that_cannot_connect_is_tried_again_while_the_old_one_lives() -> None:
    plane = leaving()
    effects = plane.connect_failed("B", "no route", SECOND_NS, 0)
    (told,) = [effect for effect in effects if isinstance(effect, Status)]
    assert (told.comp_id, told.state) == ("B", "down")
    assert plane.state is SessionState.ACTIVE
    now = plane.deadline or 0
    assert now == 3 * SECOND_NS
    assert connects(plane.tick(now)) == ["B"]
    plane.on_event("B", Event(Happening.LOGON_REFUSED, "in use", -1033), now, 0)
    # Of two ids one is in use and the other rests.
    assert plane.deadline == now + 2 * HEARTBEAT_NS


def test_an_old_session_that_dies_first_makes_it_an_ordinary_reconnect() -> None:
    plane = leaving()
    (told,) = plane.on_event("A", LOST, 2 * SECOND_NS, 0)
    assert isinstance(told, Status)
    assert (told.comp_id, told.state) == ("A", "down")
    assert plane.state is SessionState.CONNECTING
    assert connects(plane.tick(100 * SECOND_NS)) == [], "the successor is under way"
    effects = plane.on_event("B", ON, 100 * SECOND_NS, 0)
    assert [type(effect) for effect in effects] == [Status]
    assert plane.draining == ()


def test_a_successor_that_is_to_be_ended_too_waits_for_the_old_one_to_be_gone() -> None:
    posts = posts_of(BINANCE_SPOT, 1, 1, drop_copy=False)
    plane = Sessions(BINANCE_SPOT, posts, ("A", "B", "C"), HEARTBEAT_NS)
    plane.tick(0)
    plane.on_event("A", ON, 0, 0)
    plane.on_event("A", NEWS, 0, 0)
    assert connects(plane.tick(0)) == ["B"]
    plane.on_event("B", ON, 0, 0)
    plane.on_event("B", NEWS, 0, 0)
    assert connects(plane.tick(0)) == []
    plane.drained("A", 0)
    plane.on_event("A", OUT, 0, 0)
    assert connects(plane.tick(plane.deadline or 0)) == ["C"]


def test_a_drop_copy_stays_until_what_it_tells_late_has_come() -> None:
    plane = several(1, 1, drop_copy=True)
    plane.on_event("B", NEWS, 0, 0)
    assert connects(plane.tick(0)) == ["C"]
    plane.on_event("C", ON, 0, 0)
    assert plane.drained("B", 2 * SECOND_NS - 1) == []
    assert logouts(plane.drained("B", 2 * SECOND_NS)) == ["B"]


# --- several sessions -----------------------------------------------------------------------


def posts(effects: list[Effect]) -> dict[str, tuple[str, bool]]:
    """Role and mode of each session that is to be connected."""
    found = [effect for effect in effects if isinstance(effect, Connect)]
    return {effect.comp_id: (effect.post.role, effect.post.everything) for effect in found}


def test_all_are_connected_at_once_with_their_roles_and_modes() -> None:
    plane = Sessions(
        BINANCE_SPOT, posts_of(BINANCE_SPOT, 3, 2, drop_copy=True), tuple("ABCDE"), HEARTBEAT_NS
    )
    assert posts(plane.tick(0)) == {
        "A": ("order_entry", True),
        "B": ("order_entry", True),
        "C": ("order_entry", False),
        "D": ("drop_copy", True),
    }


def test_a_session_takes_the_mode_of_the_one_before_it() -> None:
    plane = several(2, report_sessions=1)
    plane.on_event("B", LOST, 0, 0)
    assert posts(plane.tick(plane.deadline or 0)) == {"C": ("order_entry", False)}
    plane.on_event("A", NEWS, 10 * SECOND_NS, 0)
    assert posts(plane.tick(10 * SECOND_NS)) == {"D": ("order_entry", True)}


def test_the_engine_is_active_while_one_session_carries_orders() -> None:
    plane = several(2, drop_copy=True)
    plane.on_event("A", LOST, 0, 0)
    assert plane.state is SessionState.ACTIVE
    plane.on_event("B", LOST, 0, 0)
    assert plane.state is SessionState.DOWN, "a drop copy carries none"
    plane.tick(plane.deadline or 0)
    assert plane.state is SessionState.CONNECTING


def test_each_session_backs_off_on_its_own() -> None:
    plane = several(2)
    for _ in range(3):
        slot = plane.slots[0]
        assert slot.leg is not None
        plane.on_event(slot.leg.comp_id, LOST, 0, 0)
        plane.tick(slot.not_before_ns)
    plane.on_event("B", LOST, 10 * SECOND_NS, 0)
    assert plane.slots[1].not_before_ns == 11 * SECOND_NS


def test_what_has_no_session_comes_before_what_is_to_be_replaced() -> None:
    plane = several(2)
    plane.on_event("A", NEWS, SECOND_NS, 0)
    plane.on_event("B", OUT, SECOND_NS, 0)
    effects = plane.tick(SECOND_NS)
    assert [slot.leg is not None and slot.leg.comp_id for slot in plane.slots] == ["A", "C"]
    assert connects(effects) == ["C", "D"]


@pytest.mark.parametrize("jitter_permille", [0, 500, 999])
def test_pauses_double_and_no_two_engines_need_wait_alike(jitter_permille: int) -> None:
    plane, now, pauses_ms = sessions(), 100 * SECOND_NS, []
    for _ in range(7):
        (comp_id,) = connects(plane.tick(now))
        plane.connect_failed(comp_id, "no route", now, jitter_permille)
        due = plane.slots[0].not_before_ns
        pauses_ms.append((due - now) * 2000 // ((2000 + jitter_permille) * SECOND_NS // 1000))
        now = max(due, plane.deadline or 0)
    assert pauses_ms == [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]


def test_a_hand_over_waits_for_a_place_at_the_venue() -> None:
    plane = several(9, ids="ABCDEFGHIJKLMNOP")
    now = 100 * SECOND_NS
    for comp_id in "ABCDEFGHI":
        plane.on_event(comp_id, NEWS, now, 0)
    (first,) = connects(plane.tick(now))
    assert plane.tick(2 * now) == []
    now *= 2
    plane.on_event(first, ON, now, 0)
    assert connects(plane.tick(now)) == []
    plane.drained("A", now)
    plane.on_event("A", OUT, now, 0)
    assert len(connects(plane.tick(now))) == 1


def test_connections_that_ended_uncleanly_keep_their_places_at_the_venue() -> None:
    plane = several(6, drop_copy=True, ids="ABCDEFGHIJKLMNOPQRST")
    for comp_id in "ABCDEF":
        told = plane.on_event(comp_id, LOST, SECOND_NS, 0)
    assert isinstance(told[-1], Status)
    assert told[-1].text == "reset; next attempt in 1000 ms"
    now = 2 * SECOND_NS
    effects = plane.tick(now)
    assert connects(effects) == ["H", "I", "J", "K"], "ten less six"
    waiting = [effect for effect in effects if isinstance(effect, Status) and effect.until_ns]
    assert [told.until_ns for told in waiting] == [SECOND_NS + 2 * HEARTBEAT_NS] * 2
    assert "connections that ended uncleanly" in waiting[0].text
    for comp_id in "HIJK":
        plane.on_event(comp_id, ON, now, 0)
    # A drop copy has places of its own.
    plane.on_event("G", LOST, now, 0)
    assert connects(plane.tick(now + SECOND_NS)) == ["L"]
    plane.on_event("L", ON, now, 0)
    assert plane.deadline == SECOND_NS + 2 * HEARTBEAT_NS
    assert connects(plane.tick(plane.deadline)) == ["M", "N"]


def test_connections_of_a_run_that_was_killed_keep_their_places() -> None:
    posts = posts_of(BINANCE_SPOT, 3, 2, drop_copy=False)
    ids = tuple("ABCDEFGHIJKL")
    locked = {comp_id: 50 * SECOND_NS for comp_id in ids[:8]}
    plane = Sessions(BINANCE_SPOT, posts, ids, HEARTBEAT_NS, locked_until_ns=locked)
    assert connects(plane.tick(0)) == ["I", "J"]
    assert connects(plane.tick(50 * SECOND_NS)) == ["K"]


def test_a_key_refused_for_good_ends_the_attempts_and_leaves_what_is_up() -> None:
    plane = several(2)
    plane.on_event("A", LOST, 0, 0)
    plane.tick(plane.deadline or 0)
    effects = plane.on_event("C", Event(Happening.LOGON_REFUSED, "key", -2015), 0, 0)
    assert [type(effect) for effect in effects] == [Clear, Status]
    assert isinstance(effects[1], Status)
    assert effects[1].alarm
    assert plane.state is SessionState.ACTIVE
    assert plane.deadline is None
    assert plane.tick(10**12) == []
    (_, ended) = plane.on_event("B", LOST, 10**12, 0)
    assert isinstance(ended, Ended)
    assert ended.failed
    assert "-2015" in ended.text


def test_a_drop_copy_at_a_place_that_has_none_is_given_up_alone() -> None:
    plane = several(1, drop_copy=True)
    plane.on_event("B", LOST, 0, 0)
    assert connects(plane.tick(SECOND_NS)) == ["C"]
    refused = Event(Happening.LOGON_REFUSED, "DropCopy sessions are not supported", -1184)
    clear, told = plane.on_event("C", refused, SECOND_NS, 0)
    assert clear == Clear("C")
    assert isinstance(told, Status)
    assert (told.state, told.until_ns, told.alarm) == (SessionState.DOWN, None, True)
    assert told.text.startswith("the venue refused the Logon for good: DropCopy sessions are not")
    assert told.text.endswith("(-1184); check the place of the drop_copy session")
    assert plane.deadline is None
    assert plane.tick(10**12) == []
    # What carries orders goes on, and comes back.
    plane.on_event("A", LOST, 10**12, 0)
    assert connects(plane.tick(plane.deadline or 0)) == ["D"]
    assert logouts(plane.stop("stop", 2 * 10**12)) == ["D"]


def test_order_entry_at_a_place_that_has_none_ends_the_attempts() -> None:
    plane = sessions()
    plane.tick(0)
    refused = Event(Happening.LOGON_REFUSED, "only DropCopy sessions", -1185)
    *_, ended = plane.on_event("A", refused, 0, 0)
    assert isinstance(ended, Ended)
    assert ended.failed
    assert "-1185" in ended.text


def test_stopping_logs_out_every_session_and_is_clean_if_all_answered() -> None:
    for last, clean in ((OUT, True), (LOST, False)):
        plane = several(2, drop_copy=True)
        assert logouts(plane.stop("stop", 0)) == ["A", "B", "C"]
        for comp_id in "AB":
            effects = plane.on_event(comp_id, OUT, 0, 0)
            assert not any(isinstance(effect, Ended) for effect in effects)
        effects = plane.on_event("C", last, 0, 0)
        assert isinstance(effects[-1], Ended)
        assert effects[-1].clean is clean
    plane = several(2)
    plane.stop("stop", 0)
    plane.on_event("A", LOST, 0, 0)
    ended = Ended(UNANSWERED % "A", clean=False, failed=False)
    assert plane.on_event("B", OUT, 0, 0)[-1] == ended


def test_an_unclean_end_names_the_sessions_that_are_the_cause() -> None:
    # One waits for its next attempt, one is connecting again, one was logged on again.
    plane = several(4)
    for comp_id in "ABC":
        plane.on_event(comp_id, LOST, 0, 0)
    assert connects(plane.tick(SECOND_NS)) == ["E", "F", "G"]
    plane.connect_failed("E", "no route", SECOND_NS, 0)
    plane.on_event("G", ON, SECOND_NS, 0)
    assert logouts(plane.stop("stop", SECOND_NS)) == ["F", "G", "D"]
    plane.connect_failed("F", "given up", SECOND_NS, 0)
    plane.on_event("G", OUT, SECOND_NS, 0)
    answer = Event(Happening.LOGGED_OUT, "Logout acknowledgment.", clean=True)
    ended = Ended(UNANSWERED % "A, B", clean=False, failed=False)
    assert plane.on_event("D", answer, SECOND_NS, 0)[-1] == ended


def test_a_session_that_logs_on_in_the_stop_makes_good_for_the_one_before() -> None:
    plane = up()
    plane.on_event("A", LOST, 0, 0)
    assert connects(plane.tick(plane.deadline or 0)) == ["B"]
    plane.stop("stop", SECOND_NS)
    plane.on_event("B", ON, SECOND_NS, 0)
    ended = plane.on_event("B", OUT, SECOND_NS, 0)[-1]
    assert ended == Ended("logged out", clean=True, failed=False)


def test_stopping_in_the_middle_of_a_hand_over_ends_both() -> None:
    plane = leaving()
    assert logouts(plane.stop("stop", 0)) == ["A", "B"]
    plane.on_event("A", OUT, 0, 0)
    effects = plane.connect_failed("B", "given up", 0, 0)
    assert effects[-1] == Ended("given up", clean=True, failed=False)
