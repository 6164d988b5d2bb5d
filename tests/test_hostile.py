"""Hostile bytes: memory stays flat, there is one clear error, and it is settled what becomes of the
connection.

A peer may break a stream (the framer is lost: RemoteProtocolError with reason "framing", now and
ever after, and the connection is closed) or one message (it is framed, and tells its fault). Each
case runs in a process of its own whose address space is bounded, because memory of the codec is not
seen by tracemalloc; how much it grew is read from the system.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import reference
import streams
from fixengine.wire import Framer, LocalProtocolError, RemoteProtocolError

from bench.corpus import framed

ROOT = Path(__file__).parent.parent
MIB = 1 << 20

PRELUDE = f"""
import json, resource, sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import streams
from bench.corpus import framed
from fixengine import wire
from fixengine.wire import Framer, LocalProtocolError, RemoteProtocolError

def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))

def drain(framer):
    try:
        return ["messages", sum(1 for _ in framer)]
    except RemoteProtocolError as error:
        return ["lost", error.reason]

used = memory('VmSize')
resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
resident = memory('VmRSS')
BODY
print(json.dumps([told, memory('VmHWM') - resident]))
"""


def child(body: str, room: int = 256 * MIB) -> tuple[Any, int]:
    """What a process tells that may take this much more memory, and how much more it took."""
    code = PRELUDE.replace("ROOM", str(room)).replace("BODY", body)
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    assert result.returncode == 0, result.stderr
    told, grown = json.loads(result.stdout)
    return told, grown


# The stream breaks: the framer is lost -----------------------------------------------------------

BREAKS = {
    "a body of a gigabyte": "b'8=FIX.4.4|9=1073741824|35=0|'",
    "a body of 20 digits": "b'8=FIX.4.4|9=99999999999999999999|35=0|'",
    "a body length without end": "b'8=FIX.4.4|9=' + b'0' * 60",
    "a version without end": "b'8=FIX' + b'4' * 60",
    "a kind without end": "b'8=FIX.4.4|9=1000|35=' + b'D' * 60",
    "a body length that is none": "b'8=FIX.4.4|9=-5|35=0|'",
    "no body": "b'8=FIX.4.4|9=0|10=000|'",
    "separators": "b'|' * 60",
}


@pytest.mark.parametrize("stream", BREAKS.values(), ids=BREAKS)
def test_a_broken_stream_is_lost_at_once_and_for_ever(stream: str) -> None:
    framer = Framer()
    framer.feed(eval(stream).replace(b"|", b"\x01"))
    for _ in range(3):
        with pytest.raises(RemoteProtocolError, match="close the connection") as caught:
            next(framer)
        assert (caught.value.reason, caught.value.tag) == ("framing", None)
    framer.feed(framed([(35, "0"), (34, 1)]))
    with pytest.raises(RemoteProtocolError):
        next(framer)
    assert framer.pending <= 64


def test_a_lost_framer_keeps_nothing_of_what_is_fed_to_it() -> None:
    told, grown = child(
        """
framer = Framer()
framer.feed(b"8=FIX.4.4\\x019=1073741824\\x01")
told = drain(framer)
junk = bytes(1 << 20)
for _ in range(500):
    framer.feed(junk)
told = [told, framer.pending]
"""
    )
    assert told[0] == ["lost", "framing"]
    assert told[1] <= 64
    assert grown < 16 * MIB


def test_a_field_without_end_is_read_no_further_than_a_message_may_be_long() -> None:
    """BodyLength bounds it: where the message should end there is no CheckSum."""
    told, grown = child(
        """
framer = Framer()
framer.feed(b"8=FIX.4.4\\x019=1000000\\x0135=B\\x0158=")
chunk = b"x" * 65536
fed = 0
told = ["messages", 0]
while told[0] == "messages":
    framer.feed(chunk)
    fed += len(chunk)
    told = drain(framer)
told = [told, fed]
"""
    )
    assert told[0] == ["lost", "framing"]
    assert told[1] < 1_000_000 + 2 * 65536
    assert grown < 24 * MIB


def test_junk_without_end_is_skipped_in_flat_memory() -> None:
    told, grown = child(
        """
framer = Framer(resync=True)
chunk = (b"junk 8=FI 9= \\x01" * 6000)[:65536]
for _ in range(2000):
    framer.feed(chunk)
    drain(framer)
framer.feed(framed([(35, "0")]))
told = [drain(framer), framer.skipped]
"""
    )
    assert told == [["messages", 1], 2000 * 65536]
    assert grown < 16 * MIB


def test_bytes_that_nobody_iterates_over_are_refused() -> None:
    told, grown = child(
        """
framer = Framer()
told = 0
try:
    while told < 1000:
        framer.get_buffer(-1)
        framer.buffer_updated(65536)
        told += 1
except LocalProtocolError as error:
    told = [told, error.reason]
"""
    )
    assert told[0] < 20
    assert told[1] == "misuse"
    assert grown < 24 * MIB


# A message breaks: it is framed, and tells its fault ---------------------------------------------


def test_wrong_sums_without_end_are_dropped_in_flat_memory() -> None:
    told, grown = child(
        """
raw = framed([(35, "8"), (34, 1), (55, "X")])
wrong = raw[:-4] + (b"000" if raw[-4:-1] != b"000" else b"001") + raw[-1:]
framer = Framer(plans=streams.PLANS)
for _ in range(1000):
    framer.feed(wrong * 200)
    drain(framer)
told = framer.garbled
"""
    )
    assert told == 200_000
    assert grown < 16 * MIB


def test_a_million_fields() -> None:
    """A message of 4 MB; its index takes about four times that, once."""
    told, grown = child(
        """
raw = framed([(35, "B"), (34, 1)])
body = b"35=B\\x0134=1\\x0155=X\\x01" + b"1=a\\x01" * 1_000_000
head = b"8=FIX.4.4\\x019=%d\\x01%s" % (len(body), body)
raw = b"%s10=%03d\\x01" % (head, sum(head) % 256)
told = []
framer = Framer(8 << 20, plans=streams.PLANS)
for level in (0, 1, 2, 0, 1, 2):
    wire._level(level)
    framer.feed(raw)
    message = next(framer)
    told.append([message.get_int(34), message.value("symbol")])
""",
        room=400 * MIB,
    )
    assert told == [[1, "X"]] * 6
    assert grown < 100 * MIB


def test_a_group_of_four_billion_entries() -> None:
    told, grown = child(
        """
told = []
for count in (4_000_000_000, 2**32, 2**63, 2**64 + 1, 10**40):
    framer = Framer(plans=streams.PLANS)
    framer.feed(framed([(35, "B"), (34, 1), (55, "X"), (136, count), (137, "1"), (138, "A")]))
    message = next(framer)
    for read in (message.check, lambda: message.value("fees"), message.values):
        try:
            read()
        except RemoteProtocolError as error:
            told.append([error.reason, error.tag, error.seq])
"""
    )
    assert told == [["group", 136, 1]] * 15
    assert grown < 8 * MIB


MESSAGES: dict[str, tuple[bytes, str, int | None]] = {
    "a tag of 40 digits": (b"1" * 40 + b"=x|", "tag", None),
    "data longer than the message": (b"95=999999|96=abc|", "data", 95),
    "data of four gigabytes": (b"95=4294967295|96=abc|", "data", 95),
    "data of 40 digits": (b"95=" + b"9" * 40 + b"|96=abc|", "data", 95),
    "separators only": (b"|" * 300, "tag", None),
    "fields of one byte": (b"x|" * 100, "tag", None),
    "fields of two bytes": (b"1=|" * 100, "empty", 1),
    "a tag of ten digits": (b"1234567890=x|", "tag", None),
    "a tag of zero": (b"0=x|", "tag", None),
    "no tag": (b"=x|", "tag", None),
}


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize(("body", "reason", "tag"), MESSAGES.values(), ids=MESSAGES)
def test_a_broken_message_tells_its_fault_and_the_next_is_read(
    body: bytes, reason: str, tag: int | None
) -> None:
    framer = Framer(plans=streams.PLANS)
    bad = streams.repaired(b"35=B\x0134=7\x0155=X\x01" + body.replace(b"|", b"\x01"))
    framer.feed(bad + framed([(35, "0"), (34, 8)]))
    message = next(framer)
    for read in (message.check, message.fields):
        with pytest.raises(RemoteProtocolError) as caught:
            read()
        found = caught.value
        assert (found.reason, found.tag, found.kind, found.seq) == (reason, tag, b"B", 7)
    assert next(framer).get_int(34) == 8


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("digits", [6, 7, 8, 9, 10, 11])
@pytest.mark.parametrize("value", [b"", b"x", b"xyz", b"=" * 9])
@pytest.mark.parametrize("padding", [0, 1, 3, 40, 55, 63])
def test_tags_of_many_digits_are_read_as_the_reference_reads_them(
    digits: int, value: bytes, padding: int
) -> None:
    body = b"35=B\x0158=%s\x01%s=%s\x0134=7\x01" % (b"p" * padding, b"1" * digits, value)
    ours, theirs = Framer(plans=streams.PLANS), reference.Framer(plans=streams.REFERENCE_PLANS)
    found = []
    for framer, plans in ((ours, streams.PLANS), (theirs, streams.REFERENCE_PLANS)):
        framer.feed(streams.repaired(body))  # type: ignore[attr-defined]
        found.append(streams.observed(next(framer), plans, True))  # type: ignore[call-overload]
    assert found[0] == found[1]


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("unit", [b"\x01", b"x\x01", b"1\x01", b"1=\x01", b"=\x01", b"1=a\x01"])
@pytest.mark.parametrize("count", [1, 15, 16, 17, 63, 64, 65, 300])
def test_runs_of_short_fields_are_read_as_the_reference_reads_them(unit: bytes, count: int) -> None:
    raw = streams.repaired(b"35=B\x0134=7\x01" + unit * count)
    ours, theirs = Framer(), reference.Framer()
    ours.feed(raw)
    theirs.feed(raw)
    assert streams.observed_flat(next(ours)) == streams.observed_flat(next(theirs))


def test_more_than_a_hint_may_ask_for_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        Framer().get_buffer(1 << 40)


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("padding", range(1, 140))
def test_a_broken_field_anywhere_in_a_block_is_read_as_the_reference_reads_it(padding: int) -> None:
    """The vector loops read 64 bytes at a time, so each field is once cut by the end of a block."""
    for field in (b"11=", b"11", b"=", b"", bytes(8), b"95=3\x0196=a\x01b", b"11==", b"01=1"):
        raw = streams.repaired(b"35=B\x0158=%s\x01%s\x0134=7\x01" % (b"p" * padding, field))
        ours, theirs = Framer(), reference.Framer()
        ours.feed(raw)
        theirs.feed(raw)
        assert streams.observed_flat(next(ours)) == streams.observed_flat(next(theirs))
