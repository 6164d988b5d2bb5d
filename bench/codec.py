"""The codec beside its references and its peers, interleaved in one run.

    python -m bench.codec [--json] [--rounds N]

A case is measured from Python, ns per message of this process's own time, in many short rounds on
one processor; in each round every case has its turn, and the figure is the median of the rounds.
Compare ratios: to the scalar index loop (scalar:er and scalar:ermix; scalar.c: one pass in plain C,
gcc -O3) over the same messages, and to the empty call of a compiled method (empty_call).

er, ermix: each message is fed alone and iterated over, by a framer that reads reports by a plan of
15 columns; framing, index, CheckSum and typed values (characters, mantissa and decimals, ns since
1970, text where it stands) are one pass, and the message is the only object. nos_struct: a new
order from a Struct, nos_payload: from the bytes of its request on the bus; each order has an id,
price, quantity and number of its own, and what was written is read back by a foreign parser.

Beside them: _index, no plan at all; _burst, 512 messages fed at once; _objects, the 15 values as
Python objects as well; the peers that are installed, parsing alone. The run is void (exit status 1)
unless the scalar loop takes 6 to 9 empty calls on er: a slow reference flatters.

--json prints {case: {ns, ns_min, ratio_to_scalar, ratio_to_empty_call}}, the references among the
cases; ns_min is the shortest round, and what was checked has a digest. Of the codec's own cases it
also names the loops.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import importlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
from fixengine import wire
from fixengine.fix.venue import Sender, plan, template
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.messages import NewOrderSingle, encode

from bench import corpus, count, pin

ROUNDS = 25
PASSES = 16
"""Over all messages in a turn: a short one would measure how cold the last case left the caches."""
PEER_MESSAGES = 64
"""In a turn of a peer: they take a thousand times as long."""
SCALAR_TO_EMPTY_CALL = (6.0, 9.0)
TARGETS = {"er": 1.25, "ermix": 1.25, "nos_struct": 10.0, "nos_payload": 7.0}
"""At most that many scalar loops (er, ermix) or empty calls (nos) of the same run."""
BUILD = Path(__file__).parent.parent / "build" / "bench"
SOURCE = Path(__file__).with_name("scalar.c")
NOW_NS = 1_784_624_850_123_456_000

ER = [corpus.er()] * corpus.MIX_COUNT
ERMIX = corpus.ermix()
ORDERS = corpus.orders()
STRUCTS = [
    NewOrderSingle(**order, epoch=1_790_000_000, sent_ns=10**15 + at, valid_for_ms=1000)
    for at, order in enumerate(ORDERS)
]
PAYLOADS = [encode(order) for order in STRUCTS]
REPORT = plan(BINANCE_SPOT, b"8", Sender.VENUE, corpus.REPORT_COLUMNS)
NEW_ORDER = template(BINANCE_SPOT, b"D", Sender.CLIENT, "EXAMPLE")
EMPTY: Callable[[], bool] = b"".isalpha
now_ns = time.process_time_ns

Case = Callable[[], float]
Told = dict[str, dict[str, Any]]
"""By case; see the module's top."""


class Scalar:
    """The scalar loop, built when first asked for. Raises CalledProcessError without a compiler."""

    def __init__(self) -> None:
        BUILD.mkdir(parents=True, exist_ok=True)
        library = BUILD / f"scalar-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}.so"
        if not library.exists():
            made = library.with_suffix(f".{time.time_ns()}")
            command = ["gcc", "-O3", "-shared", "-fPIC", "-o", str(made), str(SOURCE)]
            subprocess.run(command, check=True)
            made.replace(library)
        self._run = ctypes.CDLL(str(library)).scalar_run
        self._run.restype = ctypes.c_double
        self.digest = ctypes.c_uint64()

    def over(self, messages: Sequence[bytes]) -> Case:
        """A case: ns per message over these."""
        ends = [0]
        for message in messages:
            ends.append(ends[-1] + len(message))
        offsets = (ctypes.c_uint32 * len(ends))(*ends)
        data, count = b"".join(messages), ctypes.c_size_t(len(messages))
        repeats, digest = ctypes.c_size_t(PASSES), ctypes.byref(self.digest)

        def run() -> float:
            ns: float = self._run(data, offsets, count, repeats, digest)
            return ns

        return run


def empty_call() -> float:
    """As many empty calls as there are messages."""
    empty = EMPTY
    started = now_ns()
    for _ in range(4 * PASSES):
        for _ in ERMIX:
            empty()
    return (now_ns() - started) / (4 * PASSES * len(ERMIX))


def read_one_by_one(messages: Sequence[bytes], plans: dict[bytes, wire.Plan]) -> Case:
    """Feed each message, iterate: by plan it is typed then, without one indexed."""
    framer = wire.Framer(plans=plans)
    feed = framer.feed

    def run() -> float:
        started = now_ns()
        for _ in range(PASSES):
            for data in messages:
                feed(data)
                for _ in framer:
                    pass
        return (now_ns() - started) / (PASSES * len(messages))

    return run


def read_in_a_burst(messages: Sequence[bytes]) -> Case:
    """All messages in one feed."""
    framer = wire.Framer(plans={b"8": REPORT})
    data = b"".join(messages)

    def run() -> float:
        started = now_ns()
        for _ in range(PASSES):
            framer.feed(data)
            for _ in framer:
                pass
        return (now_ns() - started) / (PASSES * len(messages))

    return run


def read_into_objects(messages: Sequence[bytes]) -> Case:
    """One by one, and the 15 values as a tuple of Python objects."""
    framer = wire.Framer(plans={b"8": REPORT})
    feed = framer.feed

    def run() -> float:
        started = now_ns()
        for _ in range(PASSES):
            for data in messages:
                feed(data)
                for report in framer:
                    report.values()
        return (now_ns() - started) / (PASSES * len(messages))

    return run


def write_orders(write: Callable[..., bytes], sources: Sequence[Any], keep: list[bytes]) -> Case:
    """Write each source with a number of its own; what was written last is kept for the check."""
    numbered = [(source, seq) for seq, source in enumerate(sources, 1)]

    def run() -> float:
        stamp = wire.stamp(NOW_NS)
        started = now_ns()
        for _ in range(PASSES):
            keep[:] = [write(source, seq, stamp) for source, seq in numbered]
        return (now_ns() - started) / (PASSES * len(numbered))

    return run


def peer_cases() -> dict[str, Case]:
    """What of the peers is installed: parsing er and ermix alone, for scale."""
    found: dict[str, Case] = {}

    def timed(parse: Callable[[bytes], object], messages: Sequence[bytes]) -> Case:
        if any(parse(data) is None for data in messages):
            raise ValueError("a message is not parsed")

        def run() -> float:
            started = now_ns()
            for data in messages:
                parse(data)
            return (now_ns() - started) / len(messages)

        return run

    for name, parser in PEERS.items():
        for over, messages in (("er", ER[:PEER_MESSAGES]), ("ermix", ERMIX[:PEER_MESSAGES])):
            try:
                found[f"{name}:{over}"] = timed(parser(), messages)
            except ImportError:
                continue
            except (AttributeError, TypeError, ValueError) as problem:
                print(f"bench.codec: {name}:{over} is not measured: {problem!r}", file=sys.stderr)
    return found


def _simplefix() -> Callable[[bytes], object]:
    simplefix = importlib.import_module("simplefix")

    def parse(data: bytes) -> object:
        parser = simplefix.FixParser()
        parser.append_buffer(data)
        return parser.get_message()

    return parse


def _asyncfix() -> Callable[[bytes], object]:
    codec = importlib.import_module("asyncfix.codec")
    protocol = importlib.import_module("asyncfix.protocol.protocol_fix44")
    return codec.Codec(protocol.FIXProtocol44()).decode  # type: ignore[no-any-return]


def _connector() -> Callable[[bytes], object]:
    connector = importlib.import_module("binance_fix_connector.fix_connector").BinanceFixConnector
    # Its parser is a method of a connected session; it needs these two attributes of one.
    session = object.__new__(connector)
    session.fix_version = "FIX.4.4"

    def parse(data: bytes) -> object:
        session._BinanceFixConnector__data = data
        return session.parse_server_response()

    return parse


def _quickfix() -> Callable[[bytes], object]:
    quickfix = importlib.import_module("quickfix")

    def parse(data: bytes) -> object:
        return quickfix.Message(data.decode("latin-1"), False)

    return parse


PEERS: dict[str, Callable[[], Callable[[bytes], object]]] = {
    "simplefix": _simplefix,
    "asyncfix": _asyncfix,
    "binance-fix-connector": _connector,
    "quickfix": _quickfix,
}


def check_reports() -> str:
    """Typed values of all reports against the corpus, read plainly; their digest."""
    framer = wire.Framer(plans={b"8": REPORT})
    found = []
    for data in (ER[0], *ERMIX):
        framer.feed(data)
        report = next(framer)
        report.check()
        fields = [piece.split(b"=", 1) for piece in data.split(b"\x01")[:-1]]
        plain: dict[bytes, str] = {}
        for tag, value in fields:
            plain.setdefault(tag, value.decode())
        for name, tag in COLUMN_TAGS.items():
            if report.value(name) != plain.get(tag):
                raise AssertionError(f"{name} is {report.value(name)!r}, not {plain.get(tag)!r}")
        amounts = [report.scaled(name, 8) for name in AMOUNTS]
        for name, amount in zip(AMOUNTS, amounts, strict=True):
            text = plain.get(COLUMN_TAGS[name])
            if amount != (None if text is None else int(text.replace(".", ""))):
                raise AssertionError(f"{name}: {amount} is not {text}")
        found.append((report.values(), amounts, report.time_ns("transact_time")))
    return corpus.digest(found)


COLUMN_TAGS = {
    name: b"%d" % row.tag
    for row in BINANCE_SPOT.layout(b"8", Sender.VENUE).rows
    for name in corpus.REPORT_COLUMNS
    if row.name == name
}
AMOUNTS = ("order_qty", "price", "cum_qty", "leaves_qty", "last_qty")


CONSTANT_TAGS = {8: b"FIX.4.4", 35: b"D", 49: b"EXAMPLE", 56: b"SPOT"}
ORDER_TAGS = {row.name: row.tag for row in BINANCE_SPOT.layout(b"D", Sender.CLIENT).rows}


def check_orders(written: Sequence[bytes]) -> str:
    """What was written, read back by a foreign parser; its digest."""
    simplefix = importlib.import_module("simplefix")
    if len(written) != len(ORDERS):
        raise AssertionError(f"{len(written)} orders were written, not {len(ORDERS)}")
    stamp = wire.stamp(NOW_NS)
    for seq, (order, raw) in enumerate(zip(ORDERS, written, strict=True), 1):
        parser = simplefix.FixParser()
        parser.append_buffer(raw)
        found = [(int(tag), value) for tag, value in parser.get_message().pairs]
        head = raw.index(b"\x0135=") + 1
        total = sum(raw[: raw.rindex(b"\x0110=") + 1]) % 256
        values = {9: b"%d" % (len(raw) - head - 7), 34: b"%d" % seq, 52: stamp, 10: b"%03d" % total}
        values |= CONSTANT_TAGS
        values |= {ORDER_TAGS[name]: value.encode() for name, value in order.items()}
        if dict(found) != values or len(found) != len(values):
            raise AssertionError(f"order {seq} came out as {raw!r}")
    return corpus.digest([bytes(raw) for raw in written])


def loops() -> list[str]:
    """The codec's loops that this machine has; the last one is used."""
    level: int = getattr(wire, "_level")()  # noqa: B009  not for users
    return ["plain", "AVX2", "AVX-512"][: level + 1]


def measure(rounds: int, peers: bool = True) -> Told:
    """All cases, interleaved, in 1 or more rounds; see the module's top for what is told."""
    scalar = Scalar()
    by_plan = {b"8": REPORT}
    from_structs: list[bytes] = []
    from_payloads: list[bytes] = []
    cases: dict[str, Case] = {
        "scalar:er": scalar.over(ER),
        "scalar:ermix": scalar.over(ERMIX),
        "empty_call": empty_call,
        "er": read_one_by_one(ER, by_plan),
        "ermix": read_one_by_one(ERMIX, by_plan),
        "nos_struct": write_orders(NEW_ORDER.encode, STRUCTS, from_structs),
        "nos_payload": write_orders(NEW_ORDER.encode_payload, PAYLOADS, from_payloads),
        "er_index": read_one_by_one(ER, {}),
        "ermix_index": read_one_by_one(ERMIX, {}),
        "er_burst": read_in_a_burst(ER),
        "ermix_burst": read_in_a_burst(ERMIX),
        "er_objects": read_into_objects(ER),
        "ermix_objects": read_into_objects(ERMIX),
    }
    cases |= peer_cases() if peers else {}
    took: dict[str, list[float]] = {name: [] for name in cases}
    for at in range(rounds + 1):
        for name, case in cases.items():
            ns = case()
            if at > 0:  # the first round warms up
                took[name].append(ns)
    medians = {name: statistics.median(found) for name, found in took.items()}
    told: dict[str, dict[str, Any]] = {}
    for name, ns in medians.items():
        reference = "scalar:ermix" if "ermix" in name else "scalar:er"
        told[name] = {
            "ns": round(ns, 2),
            "ns_min": round(min(took[name]), 2),
            "ratio_to_scalar": round(ns / medians[reference], 3),
            "ratio_to_empty_call": round(ns / medians["empty_call"], 2),
        }
        if name != "empty_call" and ":" not in name:
            told[name]["loops"] = loops()[-1]
    told["er"]["digest"] = told["ermix"]["digest"] = check_reports()
    told["nos_struct"]["digest"] = check_orders(from_structs)
    told["nos_payload"]["digest"] = check_orders(from_payloads)
    told["scalar:er"]["digest"] = told["scalar:ermix"]["digest"] = f"{scalar.digest.value:016x}"
    return told


def ratio_of(told: Told, case: str) -> float:
    """The ratio that the target of a case is about."""
    kind = "ratio_to_scalar" if case.startswith("er") else "ratio_to_empty_call"
    return float(told[case][kind])


def is_void(told: Told) -> bool:
    """Whether the references of a run are out of proportion."""
    least, most = SCALAR_TO_EMPTY_CALL
    return not least <= told["scalar:er"]["ratio_to_empty_call"] <= most


def table(told: Told) -> str:
    """The run for people."""
    lines = [f"{'case':28}{'ns':>10}{'scalar loops':>14}{'empty calls':>13}{'target':>9}"]
    for name, found in told.items():
        target = f"<= {TARGETS[name]:g}" if name in TARGETS else ""
        lines.append(
            f"{name:28}{found['ns']:>10.1f}{found['ratio_to_scalar']:>14.3f}"
            f"{found['ratio_to_empty_call']:>13.2f}{target:>9}".rstrip()
        )
    lines.append(f"{told['er']['loops']} loops; digest of the reports {told['er']['digest']}")
    return "\n".join(lines)


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=count, default=ROUNDS, help=f"rounds ({ROUNDS})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if "asan" in Path(wire.__file__ or "").parts or hasattr(sys, "gettotalrefcount"):
        print("bench.codec: not on a debug or sanitizer build", file=sys.stderr)
        return 2
    pin()
    told = measure(options.rounds)
    print(orjson.dumps(told).decode() if options.json else table(told))
    least, most = SCALAR_TO_EMPTY_CALL
    found = told["scalar:er"]["ratio_to_empty_call"]
    print(f"scalar_to_empty_call {found:g}, at least {least:g}, at most {most:g}", file=sys.stderr)
    if is_void(told):
        print(f"void: a scalar loop should take {least:g} to {most:g} empty calls", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
