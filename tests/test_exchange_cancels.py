"""Mass cancels, and what is left open about cancels, at the venue's exchange."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

import pytest
from fixengine.fix.dictionary import read
from fixengine.fix.venues.binance.tables import ORDER_MASS_CANCEL_REQUEST
from fixengine.messages import NewOrderSingle, Side
from fixengine.simulator.accounts import Account
from fixengine.simulator.choices import CHOICES, choose, table
from fixengine.simulator.exchange import Exchange
from fixengine.simulator.instruments import INSTRUMENTS, units
from fixengine.simulator.process import add_arguments
from fixengine.testing import ChoiceError, SimulatedEngine
from test_exchange import NOW, SELL, away, complaint, new, trader
from venue_answers import answered, hold_against, request, told


def mass(symbol: str = "BTCUSDT") -> SimpleNamespace:
    return request(
        ORDER_MASS_CANCEL_REQUEST, cl_ord_id="m", symbol=symbol, mass_cancel_request_type="1"
    )


@pytest.fixture
def account() -> Account:
    return trader()


def venue(**choices: str) -> Exchange:
    wanted = {name.replace("_", "-"): way for name, way in choices.items()}
    return Exchange(INSTRUMENTS, choices=wanted)


# --- mass cancels -----------------------------------------------------------------------------


def test_a_mass_cancel_ends_what_the_account_has_in_the_symbol(
    account: Account, shared_data: Path
) -> None:
    exchange, other = venue(), trader("other")
    answered(exchange.new_order(account, new("a"), NOW))
    answered(
        exchange.new_order(account, new("e", symbol="ETHUSDT", price="2000", order_qty="0.1"), NOW)
    )
    answered(exchange.new_order(account, new("b", side=SELL, price="51000"), NOW))
    answered(exchange.new_order(other, new("o", price="50000"), NOW))
    answers = answered(exchange.mass_cancel(account, mass(), NOW))
    hold_against(read((shared_data / "spot-fix-oe.xml").read_bytes()), answers)
    assert [told(answer, 11, 41, 39, 150, 151) for answer in answers[:-1]] == [
        {11: "m", 41: name, 150: "4", 151: "0.00000000", 39: "4"} for name in ("a", "b")
    ]
    assert answers[-1].kind == b"r"
    assert told(answers[-1]) == {55: "BTCUSDT", 11: "m", 530: "1", 531: "1", 533: "2"}
    assert [(answer.ack, answer.push) for answer in answers] == [(True, True)] * 2 + [(True, False)]
    assert list(account.by_client_id) == ["e"]
    assert len(exchange.markets["BTCUSDT"].book) == 1
    assert account.balance("BTC").locked == 0
    assert account.balance("BTC").free == units("10")


def test_a_mass_cancel_of_nothing_is_refused_or_reported(
    account: Account, shared_data: Path
) -> None:
    official = read((shared_data / "spot-fix-oe.xml").read_bytes())
    exchange = venue()
    answered(
        exchange.new_order(account, new("e", symbol="ETHUSDT", price="2000", order_qty="0.1"), NOW)
    )
    answers = answered(exchange.mass_cancel(account, mass(), NOW))
    hold_against(official, answers)
    (answer,) = answers
    assert (answer.ack, answer.push) == (True, False)
    echo = {55: "BTCUSDT", 11: "m", 530: "1"}
    refused = {531: "0", 532: "99", 25016: "-2011", 58: "Unknown order sent."}
    assert told(answer) == echo | refused
    (answer,) = answered(venue(empty_mass_cancel="report").mass_cancel(account, mass(), NOW))
    assert told(answer) == echo | {531: "1", 533: "0"}


def test_who_tests_a_strategy_chooses_too() -> None:
    with SimulatedEngine(choices={"unknown-cancel": "-1013"}) as engine:
        account = engine.venue._account
        (answer,) = answered(engine.venue._exchange.cancel(account, away("c", order_id="1"), NOW))
        assert told(answer, 25016) == {25016: "-1013"}
    with pytest.raises(ChoiceError):
        SimulatedEngine(choices={"unknown-cancel": "never"})


def test_a_mass_cancel_elsewhere_is_rejected(account: Account) -> None:
    assert complaint(venue().mass_cancel(account, mass("NOPE"), NOW)) == (-1121, 5, 55)


def test_who_watches_hears_of_a_mass_cancel(account: Account) -> None:
    exchange, heard = venue(), []
    exchange.watchers.append(lambda answers, now: heard.extend(answers))
    answered(exchange.new_order(account, new("a"), NOW))
    answers = answered(exchange.mass_cancel(account, mass(), NOW))
    assert heard[1:] == answers


def order() -> NewOrderSingle:
    return NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.010", "49000")


def test_a_strategy_mass_cancels() -> None:
    with SimulatedEngine() as engine:
        client = engine.client()
        names = [client.submit(order()) for _ in range(2)]
        list(client.reports(timeout=1))
        asked = client.mass_cancel("BTCUSDT")
        *ended, answer = client.reports(timeout=1)
        assert [(one.exec_type, one.cl_ord_id, one.orig_cl_ord_id) for one in ended] == [
            ("4", asked, name) for name in names
        ]
        assert (answer.cl_ord_id, answer.mass_cancel_response) == (asked, "1")
        assert answer.total_affected_orders == 2
        assert (engine.venue.orders, client.snapshot().orders) == ([], ())
        client.mass_cancel("BTCUSDT")
        (answer,) = client.reports(timeout=1)
        assert (answer.mass_cancel_response, answer.reject_reason) == ("0", "unknown_order")


# --- what is left open ------------------------------------------------------------------------


def test_the_code_of_an_unknown_cancel_is_a_choice(account: Account) -> None:
    for options, code in (({}, "-2011"), ({"unknown_cancel": "-1013"}, "-1013")):
        for target in ({"orig_cl_ord_id": "a"}, {"list_id": "1"}):
            (answer,) = answered(venue(**options).cancel(account, away("c", **target), NOW))
            assert told(answer, 25016, 58) == {25016: code, 58: "Unknown order sent."}


def test_choices_are_told_and_what_is_none_is_refused() -> None:
    assert choose({}) == {one.name: one.ways[0] for one in CHOICES}
    for name in choose({}):
        assert f"  {name} " in table()
    with pytest.raises(ChoiceError, match="no choice 'x'; there are unknown-cancel, "):
        choose({"x": "y"})
    with pytest.raises(ChoiceError, match="unknown-cancel: 'y' is none of -2011, -1013"):
        choose({"unknown-cancel": "y"})


def test_the_process_takes_choices(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert table() in parser.format_help()
    given = parser.parse_args(["--choose", "unknown-cancel=-1013"])
    assert choose(dict(given.choose))["unknown-cancel"] == "-1013"
    with pytest.raises(SystemExit):
        parser.parse_args(["--choose", "unknown-cancel"])
    assert "unknown-cancel: '' is none of" in capsys.readouterr().err
