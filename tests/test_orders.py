"""The order table: ids, aliases and states, whatever order reports come in."""

from __future__ import annotations

import itertools

import pytest
from fixengine.desk.orders import Orders, report_key
from fixengine.desk.standings import FINAL, TOLD, Standing


def orders(closed_max: int = 10) -> Orders:
    return Orders(open_max=100, closed_max=closed_max)


def test_a_request_is_found_by_each_of_its_names() -> None:
    table = orders()
    order = table.open(1, "o", "w", "S")
    table.written(order, 0, 5, 0)
    assert table.find(1, "o") is table.by_wire("w") is table.by_seq(0, 5) is order
    assert table.find(2, "o") is None
    table.update(order, None, "0", "77")
    assert table.reported("renamed", None, "S", "77") == (order, None)
    assert table.reported("renamed", None, "OTHER", "77") == (None, None)


def test_a_dropped_request_leaves_nothing_behind() -> None:
    table = orders()
    table.drop(table.open(1, "o", "w", "S"))
    assert len(table) == 0
    assert table.by_wire("w") is None


def test_a_cancelled_order_is_found_by_either_id() -> None:
    table = orders()
    order = table.open(1, "o", "w1", "S")
    cancel = table.open(1, "c", "w2", "S", order)
    assert table.reported("w2", "w1", "S", None) == (order, cancel)
    assert table.reported("w2", None, "S", None) == (order, cancel)
    assert table.reported("web", "w1", "S", None) == (order, None)
    table.update(order, cancel, "4", "1")
    assert (order.standing, cancel.standing) == (Standing.CANCELED, Standing.DONE)


@pytest.mark.parametrize("path", list(itertools.permutations(["0", "1", "2", "4"], 3)))
def test_what_is_final_stays_final(path: tuple[str, ...]) -> None:
    table = orders()
    order = table.open(1, "o", "w", "S")
    final = None
    for status in path:
        table.update(order, None, status, "1")
        if final is None and TOLD[status] in FINAL:
            final = TOLD[status]
        if final is not None:
            assert order.standing is final


def test_a_cancel_lost_behind_the_end_of_its_order_is_open_no_more() -> None:
    table = orders()
    order = table.open(1, "o", "w1", "S")
    cancel = table.open(1, "c", "w2", "S", order)
    table.written(order, 1, 2, 0)
    table.written(cancel, 1, 3, 0)
    table.update(order, None, "2", "7")
    assert len([one for one in table if one.standing not in FINAL]) == 1
    assert table.lost(1, unwatched=False) == [cancel]
    assert cancel.standing is Standing.DONE


def test_an_unknown_status_is_unknown_and_never_guessed() -> None:
    table = orders()
    order = table.open(1, "o", "w", "S")
    table.update(order, None, "Z", "1")
    assert order.standing is Standing.UNKNOWN
    table.update(order, None, "1", "1")
    assert order.standing is Standing.PARTIALLY_FILLED


def test_a_lost_session_turns_only_its_unanswered_requests_unknown() -> None:
    table = orders()
    answered, waiting, elsewhere = (table.open(1, name, f"w{name}", "S") for name in "abc")
    table.written(answered, 0, 2, 0)
    table.written(waiting, 0, 3, 0)
    table.written(elsewhere, 1, 3, 0)
    table.update(answered, None, "0", "1")
    assert table.lost(0, unwatched=False) == [waiting]
    assert waiting.standing is Standing.UNKNOWN
    assert answered.standing is Standing.NEW
    assert table.lost(0, unwatched=False) == []
    assert table.lost(0, unwatched=True) == [answered]
    assert answered.standing is Standing.UNKNOWN


def test_closed_requests_are_forgotten_oldest_first_and_open_ones_never() -> None:
    table = orders(closed_max=2)
    kept = table.open(1, "open", "wopen", "S")
    for name in "abc":
        order = table.open(1, name, f"w{name}", "S")
        table.update(order, None, "2", name)
    assert table.find(1, "a") is None
    assert table.find(1, "b") is not None
    assert table.find(1, "open") is kept
    assert table.reported(None, None, "S", "a") == (None, None)


def test_of_closed_requests_the_strategy_with_most_loses_its_oldest() -> None:
    table = orders(closed_max=4)
    for number, name in ((1, "quiet"), *((2, f"n{count}") for count in range(20))):
        table.update(table.open(number, name, f"w{name}", "S"), None, "2", name)
    assert [order.cl_ord_id for order in table] == ["quiet", "n17", "n18", "n19"]
    table.update(table.open(1, "again", "wagain", "S"), None, "2", "again")
    assert [order.cl_ord_id for order in table] == ["quiet", "n18", "n19", "again"]


def test_closed_requests_that_are_entered_anew_go_in_the_order_in_which_they_ended() -> None:
    before = orders(closed_max=3)
    opened = [before.open(1, name, f"w{name}", "S") for name in "abc"]
    for order in reversed(opened):
        before.update(order, None, "2", None)
    table, finished = orders(closed_max=3), {}
    for order in before:
        again = table.open(1, order.cl_ord_id, order.wire_id, "S")
        table.finish(again, order.standing)
        finished[again] = order.finished
    table.finished_as(finished)
    for name in "xy":
        table.update(table.open(1, name, f"w{name}", "S"), None, "2", None)
    assert [order.cl_ord_id for order in table] == ["a", "x", "y"]


def test_the_number_of_open_requests_is_bounded_with_room_for_cancels() -> None:
    table = Orders(open_max=2, closed_max=10)
    first = table.open(1, "a", "wa", "S")
    table.open(1, "b", "wb", "S")
    assert table.full(1, is_cancel=False)
    assert not table.full(1, is_cancel=True)
    table.open(1, "c", "wc", "S", first)
    table.open(1, "d", "wd", "S", first)
    assert table.full(1, is_cancel=True)
    table.update(first, None, "2", "1")
    table.drop(table.open(1, "e", "we", "S"))
    for cancel in "cd":
        found = table.find(1, cancel)
        assert found is not None
        table.finish(found, Standing.DONE)
    assert not table.full(1, is_cancel=False)


def test_one_strategy_cannot_take_the_whole_table_from_another() -> None:
    table = Orders(open_max=10, closed_max=10, share_percent=50)
    for number in range(6):
        table.open(1, f"{number}", f"w{number}", "S")
    assert not table.full(1, is_cancel=False), "alone it may"
    table.open(2, "x", "wx", "S")
    assert table.full(1, is_cancel=False)
    assert not table.full(2, is_cancel=False)
    sixth = table.find(1, "5")
    assert sixth is not None
    table.finish(sixth, Standing.CANCELED)
    assert table.full(1, is_cancel=False), "five of ten is the share"


def test_what_ends_after_a_restart_ends_behind_what_had_ended() -> None:
    table = orders()
    old = table.open(1, "old", "w1", "S")
    table.finish(old, Standing.CANCELED)
    table.finished_as({old: 40})
    new = table.open(1, "new", "w2", "S")
    table.finish(new, Standing.CANCELED)
    assert new.finished == 41


def test_an_unknown_cancel_ends_with_its_order() -> None:
    table = orders()
    order = table.open(1, "o", "w", "S")
    cancel = table.open(1, "c", "wc", "S", order)
    table.unknown(cancel)
    table.update(order, None, "2", "1")
    assert cancel.standing is Standing.DONE


def test_a_report_of_an_old_order_leaves_a_new_one_of_the_same_number_alone() -> None:
    table = orders()
    old = table.open(1, "old", "w1", "S")
    table.written(old, 1, 5, 0)
    table.update(old, None, "0", "1")
    new = table.open(1, "new", "w2", "S")
    table.written(new, 1, 5, 0)
    table.update(old, None, "2", "1")
    assert table.by_seq(1, 5) is new
    assert table.lost(1, unwatched=False) == [new]
    assert new.standing is Standing.UNKNOWN


def test_a_request_without_an_answer_is_unknown_after_a_while() -> None:
    table = orders()
    answered, silent, young = (table.open(1, name, f"w-{name}", "S") for name in "abc")
    for seq, order in enumerate((answered, silent, young), 2):
        table.written(order, 0, seq, seq)
    table.update(answered, None, "0", "77")
    assert table.silent(12, 10) == []
    assert table.silent(13, 10) == [silent]
    assert (silent.standing, young.standing) == (Standing.UNKNOWN, Standing.WRITTEN)
    assert table.silent(13, 10) == []
    assert table.take_doubted() == [silent]


def test_a_dropped_cancel_is_none_of_its_order() -> None:
    table = orders()
    order = table.open(1, "o", "w1", "S")
    kept = table.open(1, "c1", "w2", "S", order)
    table.drop(table.open(1, "c2", "w3", "S", order))
    assert order.cancels == (kept,)


def test_requests_that_are_over_make_room_each_for_one() -> None:
    table = Orders(open_max=4, closed_max=10)
    opened = [table.open(1, f"o{number}", f"w{number}", "S") for number in range(4)]
    assert table.full(1, is_cancel=False)
    for order in opened[:2]:
        table.finish(order, Standing.CANCELED)
    for number in range(4, 6):
        assert not table.full(1, is_cancel=False)
        table.open(1, f"o{number}", f"w{number}", "S")
    assert table.full(1, is_cancel=False)


def test_the_first_name_of_an_order_holds() -> None:
    table = orders()
    order = table.open(1, "o", "w", "S")
    table.update(order, None, "0", None)
    assert table.by_order_id("S", None) is None  # type: ignore[arg-type]
    table.update(order, None, "0", "7")
    table.update(order, None, "0", "8")
    assert (order.order_id, table.by_order_id("S", "8")) == ("7", None)


def test_a_total_that_was_told_is_not_forgotten() -> None:
    table = orders()
    order = table.open(1, "o", "w", "S")
    table.filled(order, 0, 5, 0)
    table.filled(order, 3, 3, 1)
    assert (order.filled, order.cum_qty) == (3, 5)
    assert table.short(10, 10) == [order]
    table.filled(order, 4, 0, 11)
    assert (order.filled, order.cum_qty) == (7, 7)


def test_a_fill_that_came_in_time_is_not_missing() -> None:
    table = orders()
    order = table.open(1, "o", "w", "S")
    table.filled(order, 2, 5, 0)
    table.filled(order, 3, 5, 9)
    assert table.short(100, 10) == []


def test_an_order_handed_over_and_dropped_leaves_neither_name_behind() -> None:
    table = orders()
    order = table.open(1, "o", "w", "S")
    table.hand_over(order, 2, "heir-o")
    assert table.find(1, "o") is table.find(2, "heir-o") is order
    assert (table.open_of(1), table.open_of(2), len(table)) == ([], [order], 1)
    table.drop(order)
    assert (table.find(1, "o"), table.find(2, "heir-o"), table.former(order)) == (None, None, ())


def test_the_smallest_fill_is_one() -> None:
    table = orders()
    order = table.open(1, "o", "w", "S")
    table.filled(order, 1, 1, 0)
    table.update(order, None, "0", "1")
    assert order.standing is Standing.PARTIALLY_FILLED


def test_of_a_forgotten_order_nothing_is_missing_and_nobody_asks() -> None:
    table = Orders(open_max=10, closed_max=1)
    order = table.open(1, "o", "w", "S")
    table.update(order, None, "Z", "1")
    table.filled(order, 0, 5, 0)
    table.finish(order, Standing.CANCELED)
    table.finish(table.open(1, "o2", "w2", "S"), Standing.CANCELED)
    assert table.find(1, "o") is None
    assert table.short(100, 10) == []
    assert table.take_doubted() == []


def test_keys_of_one_number_are_three_where_it_names_three_things() -> None:
    trade, allocation = report_key("F", "9", "7", None), report_key("F", "9", None, "7")
    assert trade == report_key("F", "10", "7", None), "one trade, told on two sessions"
    other = report_key("0", "7", "7", None)
    assert other == report_key("0", "7", None, None) != report_key("0", "8", None, None)
    assert len({trade, allocation, other, None}) == 4


def test_an_order_is_found_by_symbol_and_order_id() -> None:
    table = orders()
    for number in range(2):
        table.update(table.open(1, f"o{number}", f"w{number}", "S"), None, "0", str(number))
    assert table.by_order_id("S", "1") is table.find(1, "o1")
    assert table.by_order_id("T", "1") is None


def test_open_requests_of_a_strategy_are_its_own_in_their_order() -> None:
    table = orders()
    first, _, second = (
        table.open(owner, name, f"w{name}", "S") for owner, name in ((1, "a"), (2, "b"), (1, "c"))
    )
    assert table.open_of(1) == [first, second]
    assert table.open_of(3) == []


def test_an_order_that_is_not_there_is_doubted_once_nothing_told_how_it_ended() -> None:
    table = orders()
    order, ended = table.open(1, "a", "wa", "S"), table.open(1, "b", "wb", "S")
    for one in (order, ended):
        table.not_there(one, 100)
    table.not_there(order, 105)
    table.finish(ended, Standing.CANCELED)
    assert table.short(109, 10) == []
    assert table.short(110, 10) == [order]
    assert table.take_doubted() == [order]
    assert table.short(200, 10) == [], "it is named once"


def test_what_is_missing_is_missing_at_once_after_a_start() -> None:
    table = orders()
    order, whole = table.open(1, "a", "wa", "S"), table.open(1, "b", "wb", "S")
    table.filled(order, 0, 5, 100)
    table.filled(whole, 5, 5, 100)
    table.unknown(whole)
    table.begin_anew()
    assert table.take_doubted() == []
    assert table.short(10, 10) == [order]


def test_each_part_of_a_request_waits_and_is_silent_for_itself() -> None:
    table = orders()
    whole, part = table.open(1, "a", "wa", "S"), table.open(1, "b", "wb", "S")
    table.join(whole, part)
    table.written(whole, 3, 8, 100)
    assert whole.standing is part.standing is Standing.WRITTEN
    assert (table.waiting(3), table.waiting(4)) == (True, False)
    table.update(whole, None, "0", "1")
    assert table.waiting(3), "the part has no answer yet"
    assert table.silent(109, 10) == []
    assert table.silent(110, 10) == [part]
    assert (whole.standing, part.standing) == (Standing.NEW, Standing.UNKNOWN)
    assert (table.waiting(3), table.silent(500, 10)) == (False, [])


def test_no_more_closed_requests_are_kept_than_allowed_however_often() -> None:
    table = Orders(open_max=10, closed_max=3)
    for number in range(12):
        table.finish(table.open(number % 2, f"{number}", f"w{number}", "S"), Standing.CANCELED)
        assert sum(table.by_wire(f"w{one}") is not None for one in range(12)) == min(number + 1, 3)


def test_each_key_is_taken_once_however_many_there_are() -> None:
    order = Orders(10, 10).open(1, "o1", "w1", "BTCUSDT")
    keys = [f"T{number}" for number in range(50)]
    for count, key in enumerate(keys, 1):
        assert order.see(key)
        assert not any(order.see(one) for one in keys[:count])
        assert sorted(order.seen) == sorted(keys[:count])


def test_one_that_is_silent_is_found_by_its_number_until_anything_is_known_of_its_message() -> None:
    table = orders()
    whole, part, named = (table.open(1, name, f"w-{name}", "S") for name in "abc")
    listed, first, second = (table.open(1, name, f"w-{name}", "S") for name in "def")
    table.join(whole, part)
    table.join(listed, first, second)
    for seq, order in enumerate((whole, named, listed), 2):
        table.written(order, 3, seq, 0)
    table.update(part, None, "0", "1")
    assert len(table.silent(10, 10)) == 5
    assert table.by_seq(3, 2) is None, "a part of it was told of, so the venue took the message"
    assert table.by_seq(3, 3) is named
    table.name(named, "2")
    assert table.by_seq(3, 3) is None, "a second source has found it"
    assert table.by_seq(3, 4) is listed
    table.update(second, None, "0", "3")
    assert table.by_seq(3, 4) is None


def test_one_that_is_silent_is_not_found_by_its_number_once_its_session_has_ended() -> None:
    table = orders()
    order = table.open(1, "a", "wa", "S")
    table.written(order, 3, 2, 0)
    table.silent(10, 10)
    table.lost(4, unwatched=False)
    assert table.by_seq(3, 2) is order
    table.lost(3, unwatched=False)
    assert table.by_seq(3, 2) is None
