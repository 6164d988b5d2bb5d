"""`fixengine decode` as a user types it: what it prints, its exit statuses, and its errors."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import orjson
import pytest
from fixengine.screens.decode import EXAMPLES
from scripted_venue import WAIT_S

from bench import corpus

TIME = "20260721-09:07:30.123456"
ER, NOS = corpus.er(), corpus.nos()
TRADE = corpus.framed(
    [
        *corpus.header("8", 12, "SPOT", "EXAMPLE", TIME),
        (40, 2), (54, 1), (55, "BTCUSDT"), (150, "F"), (14, "0.1"), (32, "0.1"), (39, 1),
        (136, 2), (137, "0.5"), (138, "BNB"), (139, 4), (137, "0.6"), (138, "这"), (139, 4),
    ]
)  # fmt: skip
LOGON = corpus.framed(
    [*corpus.header("A", 1, "EXAMPLE", "SPOT", TIME), (95, 6), (96, "SECRET"), (553, "APIKEY")]
)
SHOWN = """\
ExecutionReport <8>  SPOT -> EXAMPLE  MsgSeqNum 12  20260721-09:07:30.123456  line 1
      8  BeginString         FIX.4.4  FIX44
      9  BodyLength          154
     35  MsgType             8  ExecutionReport
     49  SenderCompID        SPOT
     56  TargetCompID        EXAMPLE
     34  MsgSeqNum           12
     52  SendingTime         20260721-09:07:30.123456
     40  OrdType             2  LIMIT
     54  Side                1  BUY
     55  Symbol              BTCUSDT
    150  ExecType            F  TRADE
     14  CumQty              0.1
     32  LastQty             0.1
     39  OrdStatus           1  PARTIALLY_FILLED
    136  NoMiscFees          2
     #1    137  MiscFeeAmt   0.5
           138  MiscFeeCurr  BNB
           139  MiscFeeType  4  EXCHANGE_FEES
     #2    137  MiscFeeAmt   0.6
           138  MiscFeeCurr  这
           139  MiscFeeType  4  EXCHANGE_FEES
     10  CheckSum            187
  BodyLength 154 ok, CheckSum 187 ok
"""


def piped(message: bytes) -> bytes:
    return message.replace(b"\x01", b"|")


BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def start(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fixengine", "decode", *arguments],
        **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        | {"env": BUFFERED}
        | options,  # type: ignore[call-overload]
    )


def decode(text: bytes, *arguments: str, **options: object) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    with start(*arguments, **options) as process:
        try:
            out, errors = process.communicate(text, timeout=WAIT_S)
        finally:
            process.kill()
    return process.returncode, (out or b"").decode(), errors.decode()


# --- what is printed --------------------------------------------------------------------------


def test_a_message_for_people(tmp_path: Path) -> None:
    path = tmp_path / "session.log"
    path.write_bytes(b"09:07 IN: " + piped(TRADE) + b"\n")
    assert decode(b"", str(path)) == (0, SHOWN, "")
    assert decode(path.read_bytes(), "-") == (0, SHOWN, "")
    assert decode(TRADE) == (0, SHOWN, "")


def test_several_messages_and_their_number() -> None:
    wrong = NOS.replace(b"54=1", b"54=9")
    status, out, errors = decode(NOS + b"\n" + piped(wrong) + b"\r\nwords\n" + ER[:100])
    assert (status, errors) == (1, "")
    first, second, third, last = out.split("\n\n")
    assert first.splitlines()[-1] == "  BodyLength 114 ok, CheckSum 043 ok"
    assert second.startswith("NewOrderSingle <D>  EXAMPLE -> SPOT  MsgSeqNum 7 ")
    assert second.splitlines()[0].endswith("  line 2")
    assert second.splitlines()[-3:] == [
        "  BodyLength 114 ok, CheckSum 043, should be 051",
        "  wrong: CheckSum<10> '043' is wrong, should be 051",
        "  note: Side<54> '9' is not among the values of the table",
    ]
    assert third.splitlines()[0].endswith("  line 4")
    assert third.splitlines()[-2] == "  BodyLength 330 not reached, CheckSum missing"
    assert last == "3 messages, 2 of them broken\n"
    status, out, _ = decode(NOS + ER)
    assert (status, out.splitlines()[-1]) == (0, "2 messages, none of them broken")


def test_json_is_one_object_a_message() -> None:
    wrong = piped(NOS.replace(b"54=1", b"54=9").replace(b"55=BTCUSDT", b"55=B\xffCUSDT"))
    status, out, errors = decode(TRADE + wrong, "--json")
    assert (status, errors) == (1, "")
    good, bad = map(orjson.loads, out.splitlines())
    assert list(good) == [
        "kind", "name", "sender", "target", "seq", "sending_time", "line", "fields",
        "body_length_ok", "checksum_ok",
    ]  # fmt: skip
    assert (good["kind"], good["name"], good["seq"]) == ("8", "ExecutionReport", 12)
    assert (good["body_length_ok"], good["checksum_ok"]) == (True, True)
    fields = {field["tag"]: field for field in good["fields"]}
    assert fields[54] == {"tag": 54, "name": "Side", "value": "1", "meaning": "BUY"}
    assert fields[14] == {"tag": 14, "name": "CumQty", "value": "0.1", "meaning": None}
    group = fields[136]
    assert (group["value"], group["name"], len(group["entries"])) == ("2", "NoMiscFees", 2)
    assert group["entries"][1][2] == {
        "tag": 139, "name": "MiscFeeType", "value": "4", "meaning": "EXCHANGE_FEES",
    }  # fmt: skip
    assert (bad["body_length_ok"], bad["checksum_ok"]) == (True, False)
    assert {field["tag"]: field["value"] for field in bad["fields"]}[55] == "B\\xffCUSDT"
    assert [problem[:23] for problem in bad["problems"]] == [
        "Symbol<55> 'B\\xffCUSDT'", "CheckSum<10> '043' is w",
    ]  # fmt: skip
    assert bad["notes"] == ["Side<54> '9' is not among the values of the table"]


def test_secrets_are_masked_unless_asked_for() -> None:
    for arguments in ((), ("--json",)):
        status, out, _ = decode(LOGON, *arguments)
        assert status == 0
        assert "SECRET" not in out and "APIKEY" not in out and "******" in out
        _, out, _ = decode(LOGON, "--show-secrets", *arguments)
        assert "SECRET" in out and "APIKEY" in out


@pytest.mark.parametrize(
    "text",
    [
        b"8=FIX.4.4\x019=113|35=A|95=13|96=SECRETAAAAAAA|553=APIKEYBBBBBBB|554=PASSWORD|10=078|",
        b"8=FIX.4.4|9=113|35=A|95=1396=SECRETAAAAAAA|553=APIKEYBBBBBBB|554=PASSWORD|10=078|",
        b"8=FIX.4.4|9=113^A35=A^A95=6^A96=SECRET^A553=APIKEY^A554=PASSWORD^A10=078^A",
        b"8=FIX.4.4^A9=113|35=A|95=6|96=SECRET|553=APIKEY|554=PASSWORD|10=078|",
        b"8=FIX.4.4|9=113 35=A 95=6 96=SECRET 553=APIKEY 554=PASSWORD 10=078 ",
    ],
)
def test_secrets_are_masked_between_mixed_and_lost_separators(text: bytes) -> None:
    for arguments in ((), ("--json",)):
        _, out, errors = decode(text, *arguments)
        assert out and not errors
        assert not re.search("SECRET|APIKEY|PASSWORD", out)
        _, out, _ = decode(text, "--show-secrets", *arguments)
        assert "SECRET" in out and "APIKEY" in out and "PASSWORD" in out


def test_nothing_in_a_message_steers_a_terminal() -> None:
    text = b"\x1b[2J\x07\xe2\x80\xae\n"
    message = corpus.framed([*corpus.header("B", 3, "SPOT", text.decode(), TIME), (148, text)])
    _, out, _ = decode(message + message.replace(b"35=B", b"35=\x1b"))
    assert "\\x1b[2J\\x07\\u202e\\n" in out
    assert not re.search(r"[^\S\n ]|\x1b|\u202e", out)


def test_colours_are_for_terminals_and_change_no_word() -> None:
    plain = decode(NOS)[1]
    status, coloured, _ = decode(NOS, "--color", "always")
    assert status == 0
    assert coloured != plain == re.sub(r"\x1b\[[0-9]*m", "", coloured)
    assert on_terminal(NOS) == coloured
    assert on_terminal(NOS, "--color", "never") == plain
    assert on_terminal(NOS, NO_COLOR="1") == plain
    assert on_terminal(NOS, TERM="dumb") == plain


def on_terminal(text: bytes, *arguments: str, **variables: str) -> str:
    """What is printed where stdout is a terminal."""
    ours, theirs = pty.openpty()
    known = {name: value for name, value in BUFFERED.items() if name != "NO_COLOR"}
    environment = known | {"TERM": "xterm"} | variables
    process = start(*arguments, stdout=theirs, env=environment)
    os.close(theirs)
    shown: list[bytes] = []

    def read() -> None:
        while True:
            try:
                shown.append(os.read(ours, 65536))
            except OSError:  # the other end is closed: Linux says EIO
                return

    reader = threading.Thread(target=read)
    reader.start()
    with process:
        assert process.communicate(text, timeout=WAIT_S)[1] == b""
    reader.join(WAIT_S)
    os.close(ours)
    return b"".join(shown).decode().replace("\r\n", "\n")


def test_a_growing_input_is_shown_as_it_comes() -> None:
    with start() as process:
        assert process.stdin and process.stdout
        for separator in (b"\x01", b"|", b"^A"):
            process.stdin.write(NOS.replace(b"\x01", separator) + b"\n")
            process.stdin.flush()
            while not process.stdout.readline().startswith(b"  BodyLength 114 ok"):
                pass
        process.stdin.close()
        assert process.wait(WAIT_S) == 0


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"no FIX\n", bytes(range(256)) * 2000, b"\x00" * 10**6]
)
def test_no_message_at_all(text: bytes) -> None:
    status, out, errors = decode(text)
    assert (status, out) == (1, "")
    assert errors == (
        "fixengine: no FIX message in stdin; one begins with 8=FIX and has a separator that"
        " `fixengine decode --help` lists\n"
    )


def test_the_message_in_the_help_is_fine() -> None:
    example = EXAMPLES[EXAMPLES.index("'8=FIX") + 1 :]
    status, out, errors = decode(example[: example.index("'")].encode())
    assert (status, errors) == (0, "")
    assert out.startswith("Heartbeat <0>  SPOT -> DESK1  MsgSeqNum 7")


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    cases = {
        str(tmp_path / "none"): "No such file or directory",
        str(tmp_path): "Is a directory",
        "/proc/self/mem": "Input/output error",
        "\x1b\n": "No such file or directory",
        "": "No such file or directory",
    }
    for name, told in cases.items():
        shown = {"\x1b\n": "\\x1b\\n", "": "''"}.get(name, name)
        expected = (2, "", f"fixengine: {shown}: cannot be read: {told}\n")
        assert decode(b"", name) == expected


def test_a_terminal_as_input_needs_a_word() -> None:
    ours, theirs = pty.openpty()
    told = "fixengine: nothing to decode: name a FILE, or - to type it in\n"
    assert decode(b"", stdin=theirs) == (2, "", told)
    os.close(ours)
    os.close(theirs)


def test_usage() -> None:
    status, out, errors = decode(b"", "--what")
    assert (status, out) == (2, "") and "unrecognized arguments: --what" in errors
    status, out, errors = decode(b"", "--color", "blue")
    assert (status, out) == (2, "") and "invalid choice: 'blue'" in errors
    status, out, errors = decode(b"", "--help")
    assert (status, errors) == (0, "")
    assert "fixengine decode --json session.log" in out


def shell(line: str, cwd: Path) -> tuple[int, str, str]:
    """A line for bash, in which $decode is the command."""
    command = f"{sys.executable} -m fixengine decode"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=cwd,
        env=BUFFERED | {"decode": command},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(NOS * 2000)
    status, out, errors = shell("$decode log | head -n 1; exit ${PIPESTATUS[0]}", tmp_path)
    assert (status, errors) == (1, "") and out.startswith("NewOrderSingle <D> ")
    status, _, errors = shell("$decode log >/dev/full", tmp_path)
    assert (status, errors) == (
        2,
        "fixengine: stdout: cannot be written: No space left on device\n",
    )
    # A missing stream is an empty one, or one that takes everything.
    assert shell("$decode log >&-", tmp_path) == (0, "", "")
    status, _, errors = shell("$decode <&-", tmp_path)
    assert (status, "no FIX message" in errors) == (1, True), errors


def test_a_terminal_without_utf_8_gets_escapes(tmp_path: Path) -> None:
    environment = BUFFERED | {"PYTHONIOENCODING": "ascii"}
    status, out, errors = decode(TRADE, env=environment)
    assert (status, errors) == (0, "")
    assert out == SHOWN.replace("这", "\\u8fd9")
    status, out, errors = decode(TRADE, "--json", env=environment)
    assert (status, errors) == (0, "")
    assert "这" in out


def test_an_interrupt_ends_it_quietly() -> None:
    with start() as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(NOS)
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"NewOrderSingle")
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 130
        assert process.stderr.read() == b""


def test_a_large_input_takes_no_more_memory_than_a_small_one() -> None:
    def peak_kib(pieces: int) -> int:
        process = start(stdout=subprocess.DEVNULL)
        assert process.stdin and process.stderr
        for _ in range(pieces):
            process.stdin.write(NOS + b"words without a newline " * 40_000)
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        assert process.returncode == 0
        return usage.ru_maxrss

    assert peak_kib(100) < peak_kib(2) + 8192
