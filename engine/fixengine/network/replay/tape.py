"""A recorded run, one record after the other, and what is made anew held against it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fixengine.network.journal import Kind, Record
from fixengine.network.journal.record import padded

SOH = b"\x01"
LOGON = b"\x0135=A\x01"
SECRET = frozenset({b"9", b"10", b"95", b"96", b"553", b"554"})
"""Fields of a Logon that hold a secret, or follow from one: masked, or of another length."""


class Placed(NamedTuple):
    """A record, the file it stands in, and where in that."""

    record: Record
    path: str
    offset: int


class Made(NamedTuple):
    """What the replay made, as it would be recorded."""

    kind: int
    line: int
    data: bytes


class Different(Exception):
    """The first difference. recorded: None where the tape was at its end. made: None for nothing.
    why: where it is not plain.
    """

    def __init__(self, recorded: Placed | None, made: Made | None, why: str = "") -> None:
        super().__init__(why)
        self.recorded = recorded
        self.made = made
        self.why = why


class Hole(Exception):
    """Records are missing or damaged here: nothing behind can be replayed."""


class AtEnd(Exception):
    """The run was cut off here: what it would have recorded next nobody knows."""


class Tape:
    """compared: how many records of each kind were made again. position: in the run's stream."""

    def __init__(self, placed: Iterable[Placed]) -> None:
        self.compared: Counter[int] = Counter()
        self.position = 0
        self._placed: Iterator[Placed] = iter(placed)
        self._ahead: deque[Placed] = deque()

    def placed(self, ahead: int = 0) -> Placed | None:
        """What comes so many records later than the next; None beyond the end."""
        while len(self._ahead) <= ahead:
            following = next(self._placed, None)
            if following is None:
                return None
            self._ahead.append(following)
        return self._ahead[ahead]

    def peek(self, ahead: int = 0) -> Record | None:
        """Its record."""
        placed = self.placed(ahead)
        return None if placed is None else placed.record

    def coming(self) -> Iterator[Record]:
        """Everything from the next record on, which stays the next."""
        ahead = 0
        while (record := self.peek(ahead)) is not None:
            yield record
            ahead += 1

    def read(self, word: bytes, line: int = 0) -> bytes | None:
        """What was read under this word, if that is what comes next."""
        record = self.peek()
        if record is None or record.kind != Kind.READ or record.line != line:
            return None
        return record.data[len(word) :] if record.data.startswith(word) else None

    def skip(self) -> Record:
        """Pass the next record over, without comparing."""
        placed = self._ahead.popleft() if self.placed() else None
        assert placed is not None, "who skips has peeked"
        self.position += padded(len(placed.record.data))
        return placed.record

    def make(self, made: Made) -> None:
        """The replay has made this: it is what comes next, or Different; AtEnd."""
        placed = self.placed()
        if placed is None:
            raise AtEnd
        record = placed.record
        if (record.kind, record.line) != made[:2] or not is_same(made.kind, record.data, made.data):
            raise Different(placed, made)
        self.compared[made.kind] += 1
        self.skip()


def is_same(kind: int, recorded: bytes, made: bytes) -> bool:
    """Whether two records of a kind say the same; of a Logon, but for its secrets."""
    if recorded == made:
        return True
    if kind != Kind.FRAME_OUT or LOGON not in recorded[:40]:
        return False
    return open_fields(recorded) == open_fields(made)


def open_fields(frame: bytes) -> list[bytes]:
    """Fields of a FIX message that hold no secret; its data field may hold no SOH once masked."""
    return [field for field in frame.split(SOH) if field.split(b"=")[0] not in SECRET]
