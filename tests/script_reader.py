r"""Session rules as plain text: how a script is written.

A script is one rule. Its first line says what is played, its second the rule:

    venue binance FIX.4.4, role initiator acceptor, scenario 4-b 5
    rule A TestRequest is answered by a Heartbeat with the same TestReqID, byte for byte.

Roles named there are under test, one run each; we are that role, the peer is the script. Further
clauses: `engine` (the whole engine without its sockets instead of a session alone),
`heartbeat 60s` (HeartBtInt, 30 s unless told), `ids ME YOU` (the pool of SenderCompIDs),
`sessions 2` (the first gets all reports, the others acknowledgements only), `drop copy`.
`on ME` before a verb picks one of several connections; else the newest is meant.
Then one verb a line, `#` begins a comment:

    log on                          connect, Logon and its answer, all as they should be
    connect                         the connection stands; the Logon is the script's business
    send 35=0|112=x                 peer -> us; 8, 9, 49, 56, 34, 52 and 10 are filled in
    and 35=0|112=y                  a further message in the same bytes
    send exactly 8=FIX.4.4|9=*|...  the fields as they stand; * fills in
    send first 40 of 35=8|...       only the first bytes of a message
    raw HTTP/1.0 \r\n               bytes
    expect 35=0|112=x|!58           us -> peer: the next message has these fields in this order,
                                    among others, and no 58; `*` in a value is any text
    expect nothing                  nothing was sent
    advance 30s                     time passes (s or ms), timers run
    peer closes | peer resets       the connection ends
    expect close | expect open      we close it, or do not
    told NAME key=value|...         what the owner (session) or strategy (engine) was told next
    told nothing
    delivered 35=8|17=1             session alone: what went to the owner to be interpreted next
    delivered nothing
    state active                    state of the session, or of the engine's published last
    log out TEXT                    session alone: we ask for the end
    say NAME                        session alone: we send an application message with ClOrdID NAME
    hole MsgSeqNum 2 expected*      session alone: what it holds to be missed; `hole nothing`
    next in 5 | next out 5          the number expected next of the peer, given next to ours

For the whole engine, whose strategy is called alpha:

    dials ME                        it connects under this SenderCompID
    dials nothing
    connect fails TEXT              that attempt came to nothing
    order a [valid 500ms]           the strategy orders; again with the same id is a repetition
    cancel b of a
    published stale text=*          the SessionStatus told next; `published nothing`
    written once a | never written a
    unsent 100                      bytes the link has taken and not sent
    marked ME | not marked ME       whether the id is marked in use on disk
    logged *text*                   the operator was told, some time
    alarmed *text*                  somebody is to look into it; `alarmed nothing`
    clock read                      the wall clock was read anew, for the venue found ours wrong
    foreign 1                       reports passed over because the order is not ours
    stop                            the operator ends the engine
    ended clean | unclean | failed  the engine is over

In values `$name` stands for what an earlier `expect` found there; the first `expect` to name it
takes it. `\xNN` is a byte. In `send`, 9=%07d formats the right length, 9=+1 and 10=+1 are off by
one, `!34` leaves a field out, 52=now-3s is a SendingTime off by three seconds. At the end nothing
may be left that was sent, told, published or delivered and not named by the script. Of every
message we send MsgSeqNum, CompIDs, SendingTime, BodyLength and CheckSum are held to be right,
except for those that `expect` names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent / "scripts"
UNIT_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000}
ROLES = ("initiator", "acceptor")
CLAUSES = ("venue", "role", "scenario", "engine", "heartbeat", "ids", "sessions", "drop copy")


class ScriptError(AssertionError):
    """A script and what happened differ, or the script cannot be read; names file and line."""


class Step(NamedTuple):
    """One line: its number, and its text without comment."""

    line: int
    text: str


@dataclass
class Script:
    """One file; see the module's top."""

    path: Path
    venue: str = ""
    version: str = ""
    roles: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    rule: str = ""
    engine: bool = False
    heartbeat_ns: int = 30 * UNIT_NS["s"]
    ids: tuple[str, ...] = ("ME",)
    sessions: int = 1
    drop_copy: bool = False
    steps: list[Step] = field(default_factory=list)

    def error(self, line: int, text: str) -> ScriptError:
        """What to raise for a line."""
        return ScriptError(f"{self.path}:{line}: {text}")


def read(path: Path) -> Script:
    """Read one script; ScriptError where it is none."""
    script = Script(path)
    lines = path.read_text().splitlines()
    if len(lines) < 3 or not lines[1].startswith("rule "):
        raise script.error(1, "a script begins with a line `venue ...` and a line `rule ...`")
    for clause in lines[0].split(","):
        _clause(script, clause.split())
    script.rule = lines[1].removeprefix("rule ").strip()
    if not (script.version and script.roles and script.scenarios and script.rule):
        raise script.error(1, "expected venue NAME VERSION, role ..., scenario ..., and a rule")
    for number, line in enumerate(lines[2:], 3):
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if text:
            script.steps.append(Step(number, text))
    return script


def _clause(script: Script, words: list[str]) -> None:
    match words:
        case ["venue", name, version]:
            script.venue, script.version = name, version
        case ["role", *roles] if roles and set(roles) <= set(ROLES):
            script.roles = tuple(roles)
        case ["scenario", *ids] if ids:
            script.scenarios = tuple(ids)
        case ["engine"]:
            script.engine = True
        case ["heartbeat", text]:
            script.heartbeat_ns = duration_ns(text)
        case ["sessions", number] if number.isdigit():
            script.sessions = int(number)
        case ["drop", "copy"]:
            script.drop_copy = True
        case ["ids", *ids] if ids:
            script.ids = tuple(ids)
        case _:
            raise script.error(1, f"{' '.join(words)!r}: expected one of {', '.join(CLAUSES)}")


def all_scripts() -> list[Script]:
    """Every script of the project."""
    return [read(path) for path in sorted(ROOT.rglob("*.fix"))]


def duration_ns(text: str) -> int:
    """`30s`, `500ms`, `-2s` as nanoseconds."""
    found = re.fullmatch(r"([+-]?\d+)(s|ms|us)", text)
    if found is None:
        raise ValueError(f"{text!r}: expected a time such as 30s or 500ms")
    return int(found[1]) * UNIT_NS[found[2]]


def unescaped(text: str) -> bytes:
    r"""Text of a script as bytes: \xNN, \r, \n, else UTF-8."""
    special = {b"r": b"\r", b"n": b"\n"}

    def byte(found: re.Match[bytes]) -> bytes:
        return special.get(found[1]) or bytes.fromhex(found[1][1:].decode())

    return re.sub(rb"\\(x[0-9a-fA-F]{2}|r|n)", byte, text.encode())


def fields_of(text: str) -> list[tuple[int, str | None]]:
    """`35=0|112=x|!58` as (tag, value); None for a tag that must not be there."""
    pairs: list[tuple[int, str | None]] = []
    for part in text.split("|"):
        absent = re.fullmatch(r"!(\d+)", part)
        found = re.fullmatch(r"(\d+)=(.*)", part, re.DOTALL)
        if absent is not None:
            pairs.append((int(absent[1]), None))
        elif found is not None:
            pairs.append((int(found[1]), found[2]))
        else:
            raise ValueError(f"{part!r}: expected tag=value or !tag")
    return pairs
