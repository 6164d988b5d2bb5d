"""Sample messages: one source for benches and tests.

They are made by a plain joiner of fields that shares nothing with the codec, so that the codec is
held against bytes it did not write. Everything is the same in every run: the only chance is a
seeded generator.

er: the venue's report of a new limit order, 353 bytes. nos: a new order, 137 bytes. ermix: 512
reports of varied kind, width and symbol, mean about 405 bytes; one message over and over would
flatter every cache and every branch predictor.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from typing import Any

SOH = b"\x01"
MIX_COUNT = 512
MIX_SEED = 20260721
SYMBOLS = ("BTCUSDT", "ETHBTC", "BNBUSDC", "DOGEUSDT", "1000SATSFDUSD", "这是测试币456")
ASSETS = ("BNB", "USDT", "BTC", "这是测试币")
CL_ORD_ID = "1-tjq3wk0-9"

Field = tuple[int, bytes | str | int]

REPORT_COLUMNS = (
    "cl_ord_id",
    "order_id",
    "exec_id",
    "symbol",
    "side",
    "ord_type",
    "exec_type",
    "ord_status",
    "order_qty",
    "price",
    "cum_qty",
    "leaves_qty",
    "last_qty",
    "transact_time",
    "trade_id",
)
"""The 15 fields a strategy looks at first."""


def joined(fields: Iterable[Field]) -> bytes:
    """Fields as tag=value with SOH behind each; text goes out as UTF-8."""
    return b"".join(
        b"%d=%s\x01" % (tag, value if isinstance(value, bytes) else str(value).encode())
        for tag, value in fields
    )


def framed(fields: Iterable[Field], begin_string: bytes = b"FIX.4.4", digits: int = 0) -> bytes:
    """A whole message around these fields (35 first): 8, 9 and 10 are added.

    digits: BodyLength with zeros in front up to that many digits.
    """
    body = joined(fields)
    head = b"8=%s\x019=%0*d\x01%s" % (begin_string, digits, len(body), body)
    return b"%s10=%03d\x01" % (head, sum(head) % 256)


def digest(values: Sequence[object]) -> str:
    """Short digest of a benchmark's result, so that nothing of its work can be left out."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def header(kind: str, seq: int, sender: str, target: str, sending_time: str) -> list[Field]:
    """35, 49, 56, 34, 52: the order the venue writes."""
    return [(35, kind), (49, sender), (56, target), (34, seq), (52, sending_time)]


def er_fields() -> list[Field]:
    """The fields of er, in the order of a real capture."""
    time = "20260721-09:07:30.123456"
    return [
        *header("8", 12, "SPOT", "EXAMPLE", time),
        (17, 144),
        (11, CL_ORD_ID),
        (37, 488593),
        (38, "0.01500000"),
        (40, 2),
        (54, 1),
        (55, "BTCUSDT"),
        (44, "64250.12000000"),
        (59, 1),
        (60, "20260721-09:07:30.122000"),
        (25018, "20260721-09:07:30.122000"),
        (25001, 3),
        (150, 0),
        (14, "0.00000000"),
        (151, "0.01500000"),
        (25017, "0.00000000"),
        (1057, "Y"),
        (32, "0.00000000"),
        (39, 0),
        (636, "Y"),
        (25023, "20260721-09:07:30.122000"),
    ]


def er() -> bytes:
    """The venue's report of a new limit order."""
    return framed(er_fields())


def nos() -> bytes:
    """A new limit order as we send it."""
    return framed(
        [
            *header("D", 7, "EXAMPLE", "SPOT", "20260721-09:07:30.123456"),
            (11, CL_ORD_ID),
            (38, "0.1"),
            (40, 2),
            (44, "64250"),
            (54, 1),
            (55, "BTCUSDT"),
            (59, 1),
        ]
    )


def amount(chance: random.Random, digits_max: int) -> str:
    """A price or quantity with the venue's 8 decimals."""
    return f"{chance.randrange(10 ** chance.randint(1, digits_max))}.{chance.randrange(10**8):08d}"


def stamp(chance: random.Random) -> str:
    """A time of one day, to the microsecond."""
    second = chance.randrange(86_400)
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"20260721-{clock}.{chance.randrange(10**6):06d}"


def mixed_fields(chance: random.Random, seq: int) -> list[Field]:
    """One report of any kind: new, trade with fees, cancel, reject or expiry."""
    kind = chance.choice("00FFFF48C")
    symbol = chance.choice(SYMBOLS)
    market = chance.random() < 0.2
    fields: list[Field] = header("8", seq, "SPOT", "EXAMPLE", stamp(chance))
    cl_ord_id = "".join(
        chance.choices("abcdefghijklmnopqrstuvwxyz0123456789-_", k=chance.randint(11, 23))
    )
    if kind != "8":
        fields.append((17, chance.randrange(10**6, 10**10)))
    fields.append((11, cl_ord_id))
    if kind == "4":
        fields.append((41, cl_ord_id[::-1]))
    if kind != "8":
        fields.append((37, chance.randrange(10**5, 10**11)))
    fields += [(38, amount(chance, 4)), (40, 1 if market else 2), (54, chance.choice("12"))]
    fields.append((55, symbol))
    if not market:
        fields += [(44, amount(chance, 5)), (59, chance.choice("1134"))]
    fields.append((60, stamp(chance)))
    if chance.random() < 0.6:
        fields.append((25018, stamp(chance)))
    if chance.random() < 0.2:
        fields += [(847, chance.randrange(10**6, 10**7)), (7940, chance.randrange(10**6))]
    fields += [(25001, chance.choice("12345")), (150, kind), (14, amount(chance, 4))]
    fields += [(151, amount(chance, 4)), (25017, amount(chance, 7)), (1057, chance.choice("YN"))]
    if kind == "F":
        fields += [(1003, chance.randrange(10**6, 10**9)), (31, amount(chance, 5))]
    fields += [(32, amount(chance, 4)), (39, {"F": "1"}.get(kind, kind))]
    if kind in "0F":
        fields += [(636, "Y"), (25023, stamp(chance))]
    if kind == "F":
        fees = chance.randint(1, 2)
        fields.append((136, fees))
        for _ in range(fees):
            fields += [(137, amount(chance, 1)), (138, chance.choice(ASSETS)), (139, 4)]
    if kind == "8":
        fields += [(103, 99), (25016, -2010), (58, "Account has insufficient balance = 0")]
    if kind == "C":
        fields.append((25056, chance.randint(1, 8)))
    return fields


def ermix(count: int = MIX_COUNT, seed: int = MIX_SEED) -> list[bytes]:
    """That many varied reports with rising sequence numbers."""
    chance = random.Random(seed)
    return [
        framed(mixed_fields(chance, 1000 + at), digits=7 if chance.random() < 0.1 else 0)
        for at in range(count)
    ]


def orders(count: int = MIX_COUNT, seed: int = MIX_SEED) -> list[dict[str, Any]]:
    """That many different limit orders, as values by field name."""
    chance = random.Random(seed)
    return [
        {
            "cl_ord_id": f"1-tjq3wk0-{at:x}",
            "symbol": chance.choice(SYMBOLS),
            "side": chance.choice("12"),
            "ord_type": "2",
            "order_qty": f"{chance.randrange(100)}.{chance.randrange(1, 10**5):05d}",
            "price": f"{chance.randrange(1, 10**5)}.{chance.randrange(100):02d}",
            "time_in_force": chance.choice("134"),
        }
        for at in range(count)
    ]


def order_message(order: dict[str, Any], seq: int, sending_time: str) -> bytes:
    """What a new order with these values looks like on the wire."""
    return framed(
        [
            *header("D", seq, "EXAMPLE", "SPOT", sending_time),
            (11, order["cl_ord_id"]),
            (38, order["order_qty"]),
            (40, order["ord_type"]),
            (44, order["price"]),
            (54, order["side"]),
            (55, order["symbol"]),
            (59, order["time_in_force"]),
        ]
    )
