"""The network process in ordinary life: orders, the orderly end, restarts, and its secrets.

Real processes over TLS and ZeroMQ. The venue is the built-in one, or, where it must do something
at a certain moment, a socket that the test plays it on.
"""

from __future__ import annotations

import itertools
import os
import re
import resource
import signal
import time
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from fixengine.client import Client, NotConnected
from fixengine.messages import (
    ExecutionReport,
    OrderUnknown,
    Refused,
    RefusedReason,
    Sent,
    SessionState,
    SessionStatus,
)
from fixengine.network.journal import Kind
from processes import (
    COMP_IDS,
    THROUGH,
    Engine,
    Stage,
    frames,
    hear,
    limit,
    stage,
    trade,
)

__all__ = ["stage"]

UNREAD = 5000
PASSWORD = "a password of the key file"
TOKEN = "a token of the strategy"


# --- the orderly life -------------------------------------------------------------------------


def test_orders_go_out_and_their_reports_come_back(stage: Stage) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place)
    client = stage.client(engine, wants_sent=True)
    engine.expect(event="active")

    resting = client.submit(limit())
    sent = hear(client, Sent, cl_ord_id=resting)
    report = hear(client, ExecutionReport, cl_ord_id=resting, exec_type="0")
    assert (sent.source, sent.wire_cl_ord_id) == (COMP_IDS[0], report.wire_cl_ord_id)
    assert (report.source, report.epoch, report.replayed) == (COMP_IDS[0], client.epoch, False)

    cancel = client.cancel(resting)
    gone = hear(client, ExecutionReport, cl_ord_id=cancel, exec_type="4")
    assert (gone.orig_cl_ord_id, gone.ord_status) == (resting, "4")

    taking = client.submit(limit(THROUGH))
    filled = hear(client, ExecutionReport, cl_ord_id=taking, ord_status="2")
    assert (filled.leaves_qty, filled.cum_qty) == ("0.00000000", "0.00100000")

    refused = client.submit(limit(symbol="NOSUCH"))
    rejected = hear(client, ExecutionReport, cl_ord_id=refused)
    assert (rejected.exec_type, rejected.ord_status) == ("8", "8")
    assert engine.end() == 0
    assert engine.warnings() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_logs_out_and_waits_for_the_answer(stage: Stage, number: int) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place)
    client = stage.client(engine)
    peer = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    assert list(engine.marks()) == [COMP_IDS[0]]

    engine.signal(number)
    logout = peer.expect("5")
    assert logout[58] == "engine stops"
    # It is still there, takes no new order, and hears what the venue says until the end.
    refused = hear(client, Refused, cl_ord_id=client.submit(limit()))
    assert refused.reason == RefusedReason.STOPPING
    assert engine.process.poll() is None
    peer.send("5", {})
    assert peer.read() == {}
    assert engine.ended() == 0
    assert engine.marks() == {}
    assert [line["event"] for line in engine.said if "event" in line][-1] == "down"


def test_a_ring_file_that_is_gone_does_not_spoil_the_end(stage: Stage) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place)
    engine.expect(event="active")
    (engine.state_dir / "journal" / "ring").resolve().unlink()
    assert engine.end() == 0


def test_a_logout_that_is_not_answered_ends_with_1_and_rests_the_comp_id(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, venue={"logout_timeout_ms": 300})
    peer = acceptor.logon()
    engine.expect(event="active")
    engine.signal(signal.SIGTERM)
    peer.expect("5")
    assert peer.read() == {}
    assert engine.ended() == 1
    stopping = engine.expect(text="stopping")
    error = engine.expect(level="error")
    assert error["text"] == f"no Logout was answered of the last session as {COMP_IDS[0]}"
    assert error["time_ns"] - stopping["time_ns"] >= 290_000_000
    assert list(engine.marks()) == [COMP_IDS[0]]

    stage.engine(acceptor.place)
    assert acceptor.logon().comp_id == COMP_IDS[1]


def test_a_logout_of_the_venue_leads_to_a_new_session(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place)
    client = stage.client(engine)
    peer = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    order = client.submit(limit())
    peer.expect("D")
    peer.send("5", {58: "maintenance"})
    peer.expect("5")
    assert hear(client, OrderUnknown).cl_ord_id == order
    down = hear(client, SessionStatus, state=SessionState.DOWN)
    assert down.text.startswith("maintenance; next attempt in ")

    refused = hear(client, Refused, cl_ord_id=client.submit(limit()))
    assert refused.reason == RefusedReason.NOT_CONNECTED
    second = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    assert second.comp_id == COMP_IDS[1]
    fresh = client.submit(limit())
    second.socket.sendall(second.report(second.expect("D")))
    assert hear(client, ExecutionReport).cl_ord_id == fresh


def test_an_engine_outlives_whoever_reads_its_log(stage: Stage) -> None:
    venue = stage.venue()
    engine = stage.engine(venue.place)
    client = stage.client(engine)
    engine.expect(event="active")
    trade(client)
    engine.out.close()
    # From here on each line it has to say finds a broken pipe.
    second = stage.client(engine, "second")
    trade(second)
    trade(client)
    engine.process.terminate()
    assert engine.process.wait(20) == 0
    assert engine.marks() == {}
    venue.expect(event="logged_out")


def test_log_level_keeps_lines_of_a_lower_level_to_itself(stage: Stage) -> None:
    acceptor = stage.acceptor()
    engine = stage.engine(acceptor.place, log={"level": "warning"})
    acceptor.accept_plain().close()
    engine.expect(level="warning")
    assert engine.end() == 0
    assert {line["level"] for line in engine.said} == {"warning"}


# --- restarts ---------------------------------------------------------------------------------


def test_after_kill_9_the_next_run_goes_on(stage: Stage) -> None:
    venue = stage.venue()
    first = stage.engine(venue.place)
    client = stage.client(first)
    first.expect(event="active")
    resting = trade(client).cl_ord_id
    heard = [trade(client) for _ in range(5)]
    epoch = client.epoch
    first.end(signal.SIGKILL)
    assert next(client.reports(timeout=0.0), None) is None
    with pytest.raises(NotConnected, match="nothing was sent"):
        client.submit(limit())

    second = stage.engine(venue.place)
    second.expect(text="an earlier run ended uncleanly; its journal was completed")
    assert f"connecting as {COMP_IDS[1]}" in second.expect(event="connecting")["text"]
    assert second.marks()[COMP_IDS[0]]["locked_until_ns"] > 0
    # Nobody watched these orders while no engine ran.
    watched = [resting, *(report.cl_ord_id for report in heard)]
    assert [hear(client, OrderUnknown).cl_ord_id for _ in watched] == watched
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    report = trade(client)
    assert client.epoch == report.epoch > epoch
    assert report.source == COMP_IDS[1]
    # The run before knew this id, so it goes out no more; and a cancel of it finds its order.
    assert hear(client, OrderUnknown, cl_ord_id=client.submit(limit(cl_ord_id=resting)))
    gone = hear(client, ExecutionReport, cl_ord_id=client.cancel(resting))
    assert (gone.orig_cl_ord_id, gone.exec_type) == (resting, "4")
    assert second.end() == 0

    records = second.journal()
    assert {record.epoch for record in records} == {epoch, report.epoch}
    ids = [frame[11] for frame in frames(records, Kind.FRAME_OUT) if frame[35] == "D"]
    assert len(ids) == len(set(ids)) == 1 + len(heard) + 1
    told = {frame[17] for frame in frames(records, Kind.FRAME_IN) if frame[35] == "8"}
    assert {one.exec_id for one in heard} < told


def test_after_kill_9_a_strategy_gets_back_what_it_owns(stage: Stage) -> None:
    venue = stage.venue()
    first = stage.engine(venue.place)
    client = stage.client(first)
    first.expect(event="active")
    resting = client.submit(limit())
    told = hear(client, ExecutionReport, cl_ord_id=resting)
    for _ in range(2):
        hear(client, ExecutionReport, cl_ord_id=client.submit(limit(THROUGH)), ord_status="2")
    before = client.snapshot()
    assert [order.report for order in before.orders] == [told]
    (position,) = before.positions
    assert position.bought == "0.00200000" and position.sold == "0.00000000"
    first.end(signal.SIGKILL)
    client.close()

    second = stage.engine(venue.place)
    client = stage.client(second)
    after = client.snapshot()
    assert [(order.cl_ord_id, order.standing) for order in after.orders] == [(resting, "unknown")]
    assert (after.orders[0].order, after.orders[0].report) == (before.orders[0].order, told)
    assert after.positions == before.positions
    second.expect(event="active")
    hear(client, ExecutionReport, cl_ord_id=client.cancel(resting))
    assert client.snapshot().orders == ()
    assert second.end() == 0


def test_a_disk_that_refuses_the_journal_is_told_and_so_is_its_recovery(stage: Stage) -> None:
    engine = stage.engine(stage.venue().place)
    client = stage.client(engine)
    engine.expect(event="active")
    # A disk that is full, as far as the journal process goes.
    process = engine.journal_process()
    limit_before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, limit_before[1]))
    answer: type = ExecutionReport
    while answer is not Refused:
        answer = type(hear(client, ExecutionReport, Refused, cl_ord_id=client.submit(limit())))
    line = engine.expect(event="journal")
    assert line["level"] == "error"
    assert "the disk does not take the journal (journal: File too large)" in line["text"]
    refused = hear(client, Refused, cl_ord_id=client.submit(limit()))
    assert refused.reason == RefusedReason.JOURNAL_FULL
    resource.prlimit(process, resource.RLIMIT_FSIZE, limit_before)
    engine.expect(event="journal", text="the journal is written again")
    assert trade(client).ord_status == "0"
    assert engine.end() == 0


def test_a_start_that_fails_while_it_takes_over_loses_no_report(stage: Stage) -> None:
    venue = stage.venue()
    first = stage.engine(venue.place)
    reader = stage.client(first)
    deaf = Client(first.endpoint, "deaf", valid_for_ms=5000)
    first.expect(event="active")
    # Enough to fill the ring more than once; `deaf` reads none of it.
    for _ in range(UNREAD // 2):
        deaf.submit(limit(THROUGH, time_in_force="3"))
        time.sleep(0.0005)
    # The ring is full for as long as the disk is behind. Who asks more often is muted.
    while isinstance(
        hear(reader, ExecutionReport, Refused, cl_ord_id=reader.submit(limit())), Refused
    ):
        time.sleep(0.001)
    deaf.close()
    assert first.end() == 0
    reader.close()
    told = [record.data for record in first.journal() if record.kind == Kind.DELIVERED]
    unread = sum(data.startswith(b"\x04deaf") for data in told)
    assert unread > UNREAD // 2

    # The disk of this start is full: its children inherit that, and it ends with an error.
    here, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1100 << 10, most))
    try:
        failed = stage.engine(venue.place)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (here, most))
    assert failed.ended() == 2
    assert "File too large" in failed.errors
    failed.log.write_bytes(b"")
    third = stage.engine(venue.place)
    client = stage.client(third, "deaf", resume_from=1)
    heard = [event.report_seq for event in itertools.islice(client.reports(timeout=5), unread)]
    assert heard == list(range(1, unread + 1))


def test_after_kill_9_a_rest_of_every_comp_id_is_told(stage: Stage) -> None:
    acceptor = stage.acceptor()
    for _ in range(2):
        engine = stage.engine(acceptor.place, venue={"sender_comp_ids": ["ONE", "TWO"]})
        client = stage.client(engine)
        acceptor.logon()
        engine.expect(event="active")
        engine.end(signal.SIGKILL)
        client.close()
    engine = stage.engine(acceptor.place, venue={"sender_comp_ids": ["ONE", "TWO"]})
    told = engine.expect(event="down", text="every SenderCompID rests after an unclean end")
    assert re.search(r"next attempt in \d+ ms, at \d\d:\d\d:\d\d UTC$", told["text"])
    client = stage.client(engine)
    text = told["text"].removeprefix("down: ")
    assert hear(client, SessionStatus, state=SessionState.DOWN, text=text)
    assert engine.end() == 0


def test_an_order_cut_off_by_kill_9_is_unknown_and_never_sent_again(stage: Stage) -> None:
    acceptor = stage.acceptor()
    first = stage.engine(acceptor.place)
    client = stage.client(first)
    peer = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)
    client.submit(limit(cl_ord_id="once"))
    order = peer.expect("D")
    first.end(signal.SIGKILL)
    stage.engine(acceptor.place)
    second = acceptor.logon()
    hear(client, SessionStatus, state=SessionState.ACTIVE)

    client.submit(limit(cl_ord_id="once"))
    assert hear(client, OrderUnknown).wire_cl_ord_id == order[11]
    # What the venue says of it later still finds its strategy.
    second.socket.sendall(second.report(order))
    assert hear(client, ExecutionReport).cl_ord_id == "once"
    client.submit(limit(cl_ord_id="twice"))
    assert second.expect("D")[11] != order[11]


# --- secrets ----------------------------------------------------------------------------------


def encrypt(stage: Stage, private_key_file: Path) -> tuple[Path, Path]:
    """The key once more, encrypted, and the file with its password."""
    key = serialization.load_pem_private_key(private_key_file.read_bytes(), None)
    locked = stage.folder / "locked.pem"
    how = serialization.BestAvailableEncryption(PASSWORD.encode())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked.write_bytes(key.private_bytes(pem, pkcs8, how))
    password = stage.folder / "password"
    password.write_text(PASSWORD + "\n")
    for path in (locked, password):
        path.chmod(0o600)
    return locked, password


def secrets_of(private_key_file: Path, api_key_file: Path) -> dict[str, bytes]:
    """What must not be found anywhere."""
    pem = private_key_file.read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    raw, plain = serialization.Encoding.Raw, serialization.PrivateFormat.Raw
    seed = key.private_bytes(raw, plain, serialization.NoEncryption())
    return {
        "api key": api_key_file.read_bytes().strip(),
        "private key": pem.splitlines()[1],
        "seed": seed,
        "seed in hex": seed.hex().encode(),
        "password": PASSWORD.encode(),
        "token": TOKEN.encode(),
    }


def traces(engine: Engine) -> dict[str, bytes]:
    """Every place a running engine leaves something at, and what is there."""
    found = {name: Path(f"/proc/{engine.pid}/{name}").read_bytes() for name in ("cmdline",)}
    found["environment"] = Path(f"/proc/{engine.pid}/environ").read_bytes()
    return found | remains(engine)


def remains(engine: Engine) -> dict[str, bytes]:
    """What stays behind of an engine: its output and its files, the journal's ring included."""
    found = {"stdout": orjson.dumps(engine.said), "stderr": engine.errors.encode()}
    paths = [path for path in engine.state_dir.rglob("*") if path.is_file()]
    return found | {str(path): path.read_bytes() for path in paths}


def assert_no_secret(secrets: dict[str, bytes], places: dict[str, bytes]) -> None:
    found = [(name, place) for name, secret in secrets.items() for place in places.items()
             if secret in place[1]]  # fmt: skip
    assert [(name, place[0]) for name, place in found] == []


def test_an_encrypted_key_works_and_no_secret_shows_anywhere(stage: Stage) -> None:
    venue = stage.venue()
    secrets = secrets_of(venue.place.private_key_file, venue.place.api_key_file)
    locked, password = encrypt(stage, venue.place.private_key_file)
    keys = {"private_key_file": str(locked), "password_file": str(password)}
    engine = stage.engine(venue.place, key=keys)
    engine.expect(event="active")
    client = stage.client(engine, token=TOKEN)
    trade(client)
    running = traces(engine)
    assert any(path.endswith("/journal/ring") for path in running)
    assert_no_secret(secrets, running)
    assert engine.end() == 0
    assert_no_secret(secrets, remains(engine))
    kinds = {record.kind for record in engine.journal()}
    assert {Kind.START, Kind.FRAME_OUT, Kind.STRATEGY, Kind.DELIVERED} <= kinds
    logon = frames(engine.journal(), Kind.FRAME_OUT)[0]
    assert (logon[35], set(logon[96]), set(logon[553])) == ("A", {"*"}, {"*"})


def test_no_secret_shows_in_runs_that_fail(stage: Stage) -> None:
    venue = stage.venue()
    other = stage.acceptor().place
    secrets = secrets_of(venue.place.private_key_file, venue.place.api_key_file)
    unknown = secrets_of(other.private_key_file, other.api_key_file)

    # The venue does not know the key: it says so, and another attempt would change nothing.
    keys = {
        "private_key_file": str(other.private_key_file),
        "api_key_file": str(other.api_key_file),
    }
    engine = stage.engine(venue.place, key=keys, name="unknown")
    assert engine.ended() == 3
    assert "check the key and its rights" in engine.expect(event="down")["text"]
    assert_no_secret(secrets | unknown, remains(engine))

    locked, password = encrypt(stage, venue.place.private_key_file)
    password.write_text(PASSWORD[:-1])
    keys = {"private_key_file": str(locked), "password_file": str(password)}
    engine = stage.engine(venue.place, key=keys, name="locked")
    assert engine.ended() == 2
    assert str(locked) in engine.errors
    assert engine.errors.count("\n") == 1
    assert_no_secret(secrets | {"wrong password": PASSWORD[:-1].encode()}, remains(engine))
    os.truncate(engine.log, 0)
