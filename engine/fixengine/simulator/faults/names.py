"""Every fault with its parameters, as data; and reading what a user asks for.

The same table makes `--fault NAME:key=value,...`, a line on the control socket, and the options
and help of `fixengine fault`. Values arrive as text or as JSON's numbers and are checked here and
nowhere else.

How a fault applies is its `way`:

    EACH      to the next message it fits, as often as `times` says (once); `after` passes over
              so many first
    STANDING  as long as it is not cleared
    ACT       at once to the sessions that are logged on, or with at=logon to the next that are,
              as often as `times` says (once)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

ALWAYS = 1 << 62
REPORTS = frozenset({b"8", b"9"})
REQUESTS = frozenset({b"D", b"F", b"XLQ"})
ANY = "any"


class FaultError(Exception):
    """What was asked for cannot be done; the text is one line that says what can."""


class Way(Enum):
    """How a fault applies; see the module's top."""

    EACH = "each"
    STANDING = "standing"
    ACT = "act"


class Parameter(NamedTuple):
    """One value of a fault.

    default: an int, so that the value is a number from low to high; or a text, one of choices
    where there are any.
    """

    name: str
    default: int | str
    meaning: str
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()


class Fault(NamedTuple):
    """One thing that the venue can do wrong."""

    name: str
    way: Way
    meaning: str
    parameters: tuple[Parameter, ...] = ()


class Asked(NamedTuple):
    """A fault as somebody wants it. session: a SenderCompID, None for every session. times: how
    often, ALWAYS until it is cleared.
    """

    fault: Fault
    values: dict[str, Any]
    session: str | None
    after: int
    times: int
    at_logon: bool


KIND = "MsgType of the messages it fits, several joined by +, or any"
HOUR_MS = 3_600_000
OF_REPORTS = Parameter("kind", "8+9", KIND)
OF_REQUESTS = Parameter("kind", "D+F", KIND)
TEXT = Parameter("text", "", "Text<58>, instead of the venue's own")

FAULTS = (
    Fault("drop", Way.EACH, "leave a message out: a hole in MsgSeqNum", (OF_REPORTS,)),
    Fault("duplicate", Way.EACH, "send a message twice under one MsgSeqNum", (OF_REPORTS,)),
    Fault("corrupt", Way.EACH, "send a message with a wrong CheckSum", (OF_REPORTS,)),
    Fault(
        "cut",
        Way.EACH,
        "send half of a message, then end the connection",
        (OF_REPORTS, Parameter("end", "reset", "how", choices=("reset", "fin"))),
    ),
    Fault(
        "field",
        Way.EACH,
        "put another value into a field, such as kind=A,tag=34,value=5",
        (
            OF_REPORTS,
            Parameter("tag", 0, "which one, 8 included", 1, 999_999_999),
            Parameter("value", "", "its value; nothing leaves the field out"),
        ),
    ),
    Fault("hole", Way.EACH, "leave out a MsgSeqNum behind a report, but no report"),
    Fault("duplicate-seq", Way.EACH, "give the message behind a report its MsgSeqNum again"),
    Fault(
        "instead-of-logon",
        Way.EACH,
        "answer a Logon with something else",
        (Parameter("send", "logout", "with what", choices=("logout", "heartbeat", "report")), TEXT),
    ),
    Fault(
        "refuse-logon",
        Way.EACH,
        "refuse a Logon",
        (Parameter("code", -1022, "ErrorCode<25016>", -9999, -1), TEXT),
    ),
    Fault("swallow", Way.EACH, "take a client's message and do nothing", (OF_REQUESTS,)),
    Fault(
        "reject",
        Way.EACH,
        "answer a client's message with Reject<3> and do nothing else",
        (
            OF_REQUESTS,
            Parameter("code", -1000, "ErrorCode<25016>; 0 leaves it out", -9999, 0),
            Parameter("reason", 99, "SessionRejectReason<373>", 0, 99),
            Parameter("ref", "own", "RefSeqNum<45>", choices=("own", "absent", "unknown")),
            TEXT,
        ),
    ),
    Fault(
        "delay",
        Way.STANDING,
        "hold everything the venue sends back for a time, in order",
        (Parameter("ms", 100, "milliseconds of the real clock", 1, HOUR_MS),),
    ),
    Fault(
        "split",
        Way.STANDING,
        "send so few bytes at a time, each time as a TLS record of its own",
        (Parameter("bytes", 1, "how many", 1, 65_536),),
    ),
    Fault(
        "coalesce",
        Way.STANDING,
        "hold messages until there are so many, or too old, then send them in one write",
        (
            Parameter("count", 10, "how many", 2, 100_000),
            Parameter("ms", 1000, "the longest time that one is held", 1, HOUR_MS),
        ),
    ),
    Fault(
        "black-hole",
        Way.STANDING,
        "read nothing, forget what is to be sent, and keep the connection",
    ),
    Fault("stop-reading", Way.STANDING, "read nothing after the Logon, but go on sending"),
    Fault("silent", Way.STANDING, "read and forget, the Logon included"),
    Fault("mute-heartbeats", Way.STANDING, "send no Heartbeat and answer no TestRequest"),
    Fault(
        "wrong-clock",
        Way.STANDING,
        "send a wrong SendingTime",
        (Parameter("ms", 2000, "milliseconds ahead; behind if below 0", -HOUR_MS, HOUR_MS),),
    ),
    Fault(
        "padded-length",
        Way.STANDING,
        "fill BodyLength up with zeros",
        (Parameter("digits", 7, "how many digits", 1, 9),),
    ),
    Fault("header-order", Way.STANDING, "write the header as 35,34,49,52,56"),
    Fault(
        "unknown-outcome",
        Way.STANDING,
        "answer each order with a code that says its outcome is not known",
        (
            Parameter("code", -1007, "ErrorCode<25016>", -9999, -1),
            Parameter(
                "carry",
                "alternate",
                "which orders are carried out; alternate: the first, third, ... of a session",
                choices=("alternate", "always", "never"),
            ),
            Parameter("form", "reject", "of the answer", choices=("reject", "report")),
        ),
    ),
    Fault("bad-seq-logout", Way.STANDING, "log out a client whose MsgSeqNum is wrong"),
    Fault("breach-rejects", Way.STANDING, "send Reject -1181 before the Logout of a flooder"),
    Fault("clean-ends", Way.STANDING, "free the SenderCompID of a session that the venue ended"),
    Fault(
        "certificate",
        Way.STANDING,
        "speak TLS wrongly with the next connections",
        (
            Parameter(
                "which",
                "other-name",
                "a certificate for another name, one that has run out, one of another authority,"
                " or nothing above TLS 1.1",
                choices=("other-name", "expired", "other-ca", "tls-1.1"),
            ),
        ),
    ),
    Fault("hang-tls", Way.STANDING, "accept connections and never answer the TLS handshake"),
    Fault("never-accept", Way.STANDING, "accept no connection"),
    Fault(
        "news",
        Way.ACT,
        "count down to maintenance, a News every 10 s, and log out at its end",
        (Parameter("seconds", 60, "the first number; 10 starts at the last text", 1, 86_400),),
    ),
    Fault("logout", Way.ACT, "send Logout and close", (TEXT,)),
    Fault(
        "garbage",
        Way.ACT,
        "send bytes that are no FIX",
        (Parameter("bytes", 128, "how many", 1, 1 << 20),),
    ),
    Fault("second-logon", Way.ACT, "send another Logon"),
    Fault("reset", Way.ACT, "reset the connection"),
    Fault("fin", Way.ACT, "close the connection without Logout"),
    Fault(
        "burst",
        Way.ACT,
        "trade so often with the account's biggest resting order, all reports in one write",
        (Parameter("count", 1000, "how many trades", 1, 100_000),),
    ),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
CONNECTION_FAULTS = frozenset({"certificate", "hang-tls", "never-accept"})
"""They come before a session has a name, so they hold for all."""

COMMON: Mapping[Way, tuple[Parameter, ...]] = {
    Way.EACH: (
        Parameter("after", 0, "pass over so many messages first", 0, 1_000_000),
        Parameter("times", 1, "how often; always: until cleared", 1, 1_000_000),
    ),
    Way.STANDING: (),
    Way.ACT: (
        Parameter("at", "", "when", choices=("now", "logon")),
        Parameter("times", 1, "with at=logon, at how many; always: until cleared", 1, 1_000_000),
    ),
}
SESSION = Parameter("session", "", "only the session with this SenderCompID")


def parameters(fault: Fault) -> tuple[Parameter, ...]:
    """Everything a fault takes, its own parameters first."""
    scope = () if fault.name in CONNECTION_FAULTS else (SESSION,)
    return (*fault.parameters, *scope, *COMMON[fault.way])


def read(name: object, given: Mapping[str, object], live: bool) -> Asked:
    """A fault by its name and the values given for it.

    live: said to a running venue, where acts are carried out at once unless at=logon is said.
    Raises FaultError for an unknown name or parameter, and for a value that is none.
    """
    fault = BY_NAME.get(name) if isinstance(name, str) else None
    if fault is None:
        raise FaultError(f"no fault {_shown(name)}; there are {', '.join(BY_NAME)}")
    known = {parameter.name: parameter for parameter in parameters(fault)}
    for key in given:
        if key not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes nothing"
            raise FaultError(f"{fault.name}: no parameter {_shown(key)}; {takes}")
    values: dict[str, Any] = {
        key: _value(fault, parameter, given[key]) if key in given else parameter.default
        for key, parameter in known.items()
    }
    if "tag" in values and not values["tag"]:
        raise FaultError(f"{fault.name}: say which field with tag=34, for example")
    session = values.pop("session", "") or None
    at = values.pop("at", "") or ("now" if live else "logon")
    if fault.way is not Way.ACT:
        at = ""
    elif at == "now" and not live:
        raise FaultError(f"{fault.name}: at=now is for a running venue, on its control socket")
    elif at == "now" and values["times"] != 1:
        raise FaultError(f"{fault.name}: times is for at=logon")
    after = values.pop("after", 0)
    times = values.pop("times", ALWAYS)
    return Asked(fault, values, session, after, times, at == "logon")


def read_flag(text: str) -> Asked:
    """A fault as `--fault NAME:key=value,...` gives it. Raises FaultError."""
    name, _, rest = text.partition(":")
    given: dict[str, object] = {}
    for pair in rest.split(",") if rest else ():
        key, equals, value = pair.partition("=")
        if not equals:
            raise FaultError(f"{name}: {_shown(pair)} is no key=value")
        given[key] = value
    return read(name, given, live=False)


def kinds(values: Mapping[str, Any]) -> frozenset[bytes] | None:
    """The MsgTypes that a fault's `kind` names; None for any."""
    text: str = values["kind"]
    return None if text == ANY else frozenset(part.encode() for part in text.split("+"))


def _value(fault: Fault, parameter: Parameter, given: object) -> int | str:
    where = f"{fault.name}: {parameter.name}"
    if parameter.name == "times" and given == "always":
        return ALWAYS
    if isinstance(parameter.default, int):
        number = _number(given)
        if number is None or not parameter.low <= number <= parameter.high:
            span = f"a number from {parameter.low} to {parameter.high}"
            raise FaultError(f"{where}: {_shown(given)} is not {span}")
        return number
    text = str(given) if isinstance(given, int) else given
    if not isinstance(text, str) or not (text.isascii() and text.isprintable()):
        raise FaultError(f"{where}: {_shown(given)} is not printable ASCII text")
    if parameter.choices and text not in parameter.choices:
        raise FaultError(f"{where}: {_shown(given)} is none of {', '.join(parameter.choices)}")
    if parameter.name == "kind" and not all(part.isalnum() for part in text.split("+")):
        raise FaultError(f"{where}: {_shown(given)} is not a MsgType such as 8 or D+F")
    if len(text) > 256:
        raise FaultError(f"{where}: longer than 256 characters")
    return text


def _number(given: object) -> int | None:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and given.isascii() and given.removeprefix("-").isdigit():
        return int(given) if len(given) < 20 else None
    return None


def _shown(value: object) -> str:
    return repr(value)[:60]
