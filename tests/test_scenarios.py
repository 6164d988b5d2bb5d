"""No scenario without its script or its test, in each venue's column and for each role.

`SCENARIOS` lists what a peer or the network may do to a session. A cell is a scenario in a column
(a venue's dialect, or classic FIX) for the role that is under test. It is held by a script that
plays this role and claims something, or by a test that `NAMED` names. `NOT_APPLICABLE` says where a
scenario means nothing, which must be exactly true.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from script_reader import ROLES, Script, all_scripts

TESTS = Path(__file__).parent
DESIGN = TESTS.parent.parent / "shared" / "design" / "reliability.md"
COLUMNS = {"binance": ("binance",), "classic": ("plain",)}
"""Column -> the venues whose scripts hold it."""

Cell = tuple[str, str, str]
"""Scenario, column and role."""

SCENARIOS = {
    "1B-a": "the connection stands: Logon, and nothing else before its answer",
    "1B-b": "no connection, no TLS, no answer to the Logon",
    "1B-c": "the Logon is answered",
    "1B-d": "the Logon is answered with a number too high",
    "1B-e": "the Logon is answered wrongly: number, CompIDs, version, CheckSum, HeartBtInt",
    "1B-f": "the Logon is answered by Reject",
    "1B-g": "the Logon is answered by Logout or by anything else",
    "1B-h": "a second Logon",
    "2-a": "a number as expected",
    "2-b": "a hole in the numbers",
    "2-c": "a number that was seen",
    "2-d": "a message with a wrong CheckSum or BodyLength",
    "2-e": "a copy that says PossDupFlag",
    "2-f": "a copy whose OrigSendingTime is after its SendingTime",
    "2-g": "a copy without OrigSendingTime",
    "2-i": "another BeginString",
    "2-k": "another SenderCompID or TargetCompID",
    "2-m": "BodyLength too short, too long, zero-padded",
    "2-o": "a SendingTime that is minutes off",
    "2-q": "an unknown MsgType",
    "2-r": "a MsgType that is known and not supported",
    "2-s": "a MsgType that is known, with wrong fields",
    "2-t": "8, 9 and 35 not first, or in another order",
    "3": "bytes that are no message",
    "4-a": "we have nothing to say for HeartBtInt",
    "4-b": "a TestRequest",
    "5": "a TestRequest while other things are to be sent",
    "6": "the peer is silent",
    "6-b": "a TestRequest of ours is answered wrongly",
    "6-c": "the link is half open, or ends within a message",
    "7": "a Reject of what we sent",
    "8": "a ResendRequest",
    "9": "a reconnect: which numbers go on",
    "10-a": "a gap fill, higher",
    "10-b": "a gap fill, equal",
    "10-c": "a gap fill, lower",
    "11": "a SequenceReset without gap fill",
    "12": "we end the session",
    "13-a": "the peer ends the session",
    "13-b": "the peer ends the session because of its limits",
    "14-a": "an undefined tag",
    "14-b": "a required tag missing",
    "14-c": "a tag of another message",
    "14-d": "an empty value",
    "14-e": "a value that no enumeration has",
    "14-f": "a value of a wrong format",
    "14-g": "header, body and trailer mixed",
    "14-h": "a tag that comes twice",
    "14-i": "a group whose count is wrong",
    "14-j": "fields of a group out of order",
    "14-k": "a data field whose length is wrong",
    "14-l": "a time that is none",
    "14-m": "a tag that is no number",
    "14-n": "8, 9 and 35 out of order",
    "14-u": "UTF-8, SOH within data, `=` within values",
    "15": "fields of the body in another order",
    "16": "the session ends while strategies send",
    "19": "a report that says PossResend, or comes by another way again",
    "20": "a ResendRequest while one of ours is open",
    "N1": "News of maintenance, then Logout",
    "N2": "a report of an order that was never ours",
    "N3": "reports in an order that cannot be",
    "N4": "10,000 reports in one burst; a stream cut anywhere",
    "N5": "MsgSeqNum rolls over",
    "N6": "certificates that are not the venue's",
    "N7": "messages without end",
}

NAMED: dict[Cell, tuple[str, ...]] = {
    ("1B-a", "binance", "initiator"): (
        "test_session.test_the_official_logon_is_reproduced_byte_for_byte",
        "test_engine_certificates.test_the_name_of_the_venue_is_asked_for",
    ),
    ("1B-b", "binance", "initiator"): (
        "test_sessions.test_attempts_never_exceed_the_window_whatever_fails",
        "test_engine_bad_peers.test_a_venue_that_never_answers_the_logon",
        "test_engine_bad_peers.test_a_peer_that_is_not_the_venue_gets_no_session",
    ),
    ("5", "binance", "initiator"): (
        "test_bursts.test_a_test_request_is_answered_before_orders_that_wait",
    ),
    ("12", "binance", "initiator"): (
        "test_on_stop.test_each_open_order_is_cancelled_by_its_order_id_before_the_logout",
        "test_on_stop.test_a_signal_does_as_the_config_says",
    ),
    ("N3", "binance", "initiator"): ("test_order_states.test_a_report_in_any_state",),
    ("N4", "binance", "initiator"): (
        "test_bursts.test_a_burst_is_told_whole_and_in_order",
        "test_bursts.test_a_burst_byte_by_byte_is_told_whole_and_heartbeats_are_on_time",
        "test_bursts.test_a_stream_is_read_whole_at_every_cut",
        "test_bursts.test_a_stream_is_read_whole_in_random_pieces",
    ),
    ("N6", "binance", "initiator"): (
        "test_engine_bad_peers.test_a_peer_that_is_not_the_venue_gets_no_session",
        "test_engine_bad_peers.test_a_certificate_of_another_authority_is_refused",
        "test_engine_certificates.test_a_certificate_that_has_run_out_is_refused",
        "test_simulator.test_each_name_of_the_certificate_is_accepted_and_no_other",
    ),
    ("N7", "binance", "initiator"): (
        "test_bursts.test_a_message_larger_than_we_take_is_closed_at_its_head",
        "test_bursts.test_a_message_without_end_is_closed_at_the_largest_we_take",
        "test_hostile.test_a_lost_framer_keeps_nothing_of_what_is_fed_to_it",
        "test_hostile.test_a_million_fields",
    ),
}
NAMED |= {
    # TLS does not know the dialect.
    ("N6", "classic", "initiator"): NAMED["N6", "binance", "initiator"],
}
NAMED |= {
    ("2-b", "classic", "initiator"): (
        "test_classic_at_random.test_reports_arrive_once_and_in_order_whatever_is_cut",
    ),
    ("3", "classic", "initiator"): ("test_classic_at_random.test_any_bytes_end_in_a_state",),
    ("N4", "classic", "initiator"): (
        "test_classic_at_random.test_a_burst_is_delivered_whole_and_in_order",
        "test_classic_at_random.test_a_stream_is_read_whole_at_every_cut",
    ),
    ("N2", "classic", "initiator"): (
        "test_classic_reports.test_a_report_of_an_order_never_sent_is_counted_and_passed_over",
    ),
    ("N3", "classic", "initiator"): (
        "test_classic_reports.test_a_trade_before_its_new_counts_and_the_late_new_revives_nothing",
        "test_classic_reports.test_a_canceled_behind_a_filled_is_told_with_an_alarm",
        "test_classic_reports.test_a_fill_that_races_a_cancel_fills_and_the_refused_cancel_is_told",
    ),
    ("9", "classic", "initiator"): ("test_echo.test_numbers_and_reports_outlive_a_kill",),
}

NAMED |= {
    # One framer for both roles.
    ("N7", "binance", "acceptor"): (
        "test_hostile.test_a_lost_framer_keeps_nothing_of_what_is_fed_to_it",
        "test_hostile.test_a_million_fields",
    ),
}
NAMED |= {
    # Classic framing goes on behind what is garbled, and is a room of its own.
    ("N7", "classic", role): (
        "test_classic_at_random.test_beginnings_without_an_end_cost_no_search_each",
        "test_hostile.test_a_million_fields",
    )
    for role in ROLES
}
NAMED |= {
    ("9", "binance", "acceptor"): (
        "test_simulator.test_a_logon_that_is_wrong_is_refused_with_one_reject",
    ),
    ("14-e", "binance", "acceptor"): (
        "test_simulator.test_a_message_that_is_wrong_is_rejected_and_the_session_goes_on",
    ),
    ("14-f", "binance", "acceptor"): (
        "test_simulator.test_a_message_that_is_wrong_is_rejected_and_the_session_goes_on",
        "test_simulator.test_the_header_is_checked_field_by_field",
    ),
    ("2-r", "binance", "acceptor"): (
        "test_simulator.test_a_message_that_no_client_sends_is_refused",
    ),
    ("N6", "binance", "acceptor"): (
        "test_simulator.test_each_name_of_the_certificate_is_accepted_and_no_other",
        "test_simulator.test_what_does_not_speak_tls_disturbs_nobody",
    ),
}

NOT_APPLICABLE: dict[Cell, str] = {
    ("20", "binance", "initiator"): "this venue has no ResendRequest in either direction",
    ("1B-a", "binance", "acceptor"): "an acceptor does not speak first",
    ("13-b", "binance", "acceptor"): "a client has no limits",
    ("N6", "classic", "acceptor"): "the conforming acceptor speaks plain TCP",
}
for scenarios, columns, roles, why in (
    ("N1", ("classic",), ROLES, "News of maintenance is this venue's own"),
    ("N1", ("binance",), ("acceptor",), "News goes from the venue to its clients"),
    ("N5", ("classic",), ROLES, "MsgSeqNum of classic FIX does not roll over"),
    ("1B-f", ("classic",), ("acceptor",), "the answer to a Logon goes to the initiator"),
    ("N2 N3 N4", tuple(COLUMNS), ("acceptor",), "reports go from the acceptor to the initiator"),
    ("16 19", ("binance",), ("acceptor",), "strategies and reports are the initiator's"),
    ("14-i 14-j", ("binance",), ("acceptor",), "no request that this venue plays has a group"),
):
    NOT_APPLICABLE |= {
        (scenario, column, role): why
        for scenario in scenarios.split()
        for column in columns
        for role in roles
    }

CLAIMS = re.compile(
    r"(on \S+ )?(expect|told|delivered|published|state|hole|dials|marked|not marked|written"
    r"|never written|logged|alarmed|ended|foreign|clock read|next in|next out)\b"
)
"""How the lines of a script begin that can fail it; `log on` is only its stage."""


def claims(script: Script) -> bool:
    """Whether a script says what is to happen."""
    return any(CLAIMS.match(step.text) for step in script.steps)


def scripted(column: str, role: str) -> set[str]:
    """Scenarios that a script of this column plays in this role."""
    return {
        scenario
        for script in all_scripts()
        if script.venue in COLUMNS[column] and role in script.roles and claims(script)
        for scenario in script.scenarios
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("column", COLUMNS)
def test_every_cell_is_held(column: str, role: str) -> None:
    def of(cells: Iterable[Cell]) -> set[str]:
        return {scenario for scenario, *cell in cells if cell == [column, role]}

    held, nothing = scripted(column, role) | of(NAMED), of(NOT_APPLICABLE)
    missing = set(SCENARIOS) - held - nothing
    assert not missing, f"no script plays these, and no test is named: {sorted(missing)}"
    assert not held & nothing, "held, though said to mean nothing"


def test_every_script_claims_something() -> None:
    idle = [str(script.path) for script in all_scripts() if not claims(script)]
    assert not idle, idle


def test_scripts_name_scenarios_that_exist() -> None:
    for script in all_scripts():
        unknown = set(script.scenarios) - set(SCENARIOS)
        assert not unknown, f"{script.path}: no such scenario: {unknown}"


@cache
def functions_of(module: str) -> frozenset[str]:
    """Names of the tests of one file."""
    tree = ast.parse((TESTS / f"{module}.py").read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_named_tests_exist() -> None:
    for key, tests in NAMED.items():
        for name in tests:
            module, _, function = name.partition(".")
            assert function in functions_of(module), f"{key}: there is no test {name}"


def expanded(text: str) -> list[str]:
    """`2-e/f/g` as 2-e, 2-f, 2-g; `2-d/3` as 2-d, 3; `14-a..n` as all of 14-a to 14-n."""
    span = re.fullmatch(r"(.+-)([a-z])\.\.([a-z])", text)
    if span is not None:
        return [span[1] + chr(letter) for letter in range(ord(span[2]), ord(span[3]) + 1)]
    first, *others = text.split("/")
    stem = first.rpartition("-")[0]
    return [first, *(f"{stem}-{other}" if other.isalpha() else other for other in others)]


def test_the_list_is_that_of_the_design() -> None:
    if not DESIGN.is_file():
        pytest.skip("the design's table (../shared/design/reliability.md) is not on this machine")
    table = DESIGN.read_text().split("\n## 3.")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([0-9N][^|]*?) \|", table, re.MULTILINE)
    assert sorted(scenario for row in rows for scenario in expanded(row)) == sorted(SCENARIOS)
