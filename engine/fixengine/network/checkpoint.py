"""Makes checkpoints of a journal, so that a start does not have to read all of a long run.

The journal process starts this one whenever the run has grown by so much. It reads what a start
would read and writes down what a start would know then, by the same code; so it takes nothing from
the engine but a core for some seconds, at a low priority. Where anything is damaged it makes
none, so that every start until then still names the damage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import orjson

from fixengine.desk.orders import Orders
from fixengine.desk.positions import Positions
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.network.journal import JournalError, Kind
from fixengine.network.journal.checkpoint import (
    Checkpoint,
    checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from fixengine.network.journal.earlier import Earlier
from fixengine.network.recall import CLOSED_MAX, Recall, beginning, start_record

NICE = 5
"""Behind the engine and the drain; with less it might never end on a machine that is busy."""
OPEN_MAX = 1 << 30
"""Nothing is refused here."""
UNREAD_MAX = "unread_max"


class Known:
    """What a start would know after these records. now_ns: of the last of them."""

    def __init__(self, earlier: Earlier, unread_max: int) -> None:
        self.now_ns = 0
        self._unread_max = unread_max
        self._orders = Orders(OPEN_MAX, CLOSED_MAX)
        self._positions = Positions()
        self._taken = Recall(BINANCE_SPOT, self._orders, self._positions, unread_max)
        for record in earlier:
            self._taken.take(record)
            self.now_ns = record.now_ns
        self.damage = earlier.damage + self._taken.damage

    def told(self, epoch: int) -> Iterator[tuple[Kind, bytes]]:
        """Kind and data of the checkpoint's records."""
        rules = {UNREAD_MAX: self._unread_max}
        standings = dict(sorted(self._taken.standings.items()))
        start = start_record(epoch, rules, standings, self._positions)
        return beginning(self._orders, self._taken.unread(), start)


def make_checkpoint(directory: Path, unread_max: int) -> Checkpoint | None:
    """A checkpoint of what the disk holds; None where there is nothing new, or it is damaged.

    directory: the journal's. unread_max: events kept for one strategy. Raises OSError and
    JournalError.
    """
    earlier = Earlier(directory)
    known = Known(earlier, unread_max)
    end, since = earlier.end, earlier.since
    if known.damage or end is None or (since and since[:2] == (end.epoch, end.base)):
        return None
    return write_checkpoint(directory, end, known.now_ns, known.told(end.epoch))


def wrong_checkpoints(directory: Path) -> Iterator[tuple[Checkpoint, str]]:
    """Which checkpoints are damaged, or do not say what the records before them do, and how; with
    an empty text those that cannot be judged, since the records are damaged, or gone.

    Each is held against the one before it and what came after that; the oldest against the
    records alone, if those from the start of the run on are still there. Raises JournalError.
    """
    for found in reversed(checkpoints(directory)):
        try:
            _, records = read_checkpoint(found.path)
            unread_max = int(orjson.loads(records[-1].data)["config"][UNREAD_MAX])
        except (JournalError, ValueError, KeyError, TypeError) as problem:
            if found.path.exists():
                # Else its engine lives and has newer ones.
                yield found, str(problem)
            continue
        earlier = Earlier(directory, until=found)
        known = Known(earlier, unread_max)
        if known.damage:
            yield found, ""
            continue
        due = [(int(kind), data) for kind, data in known.told(found.epoch)]
        has = [(record.kind, record.data) for record in records]
        if has != due:
            same = sum(
                1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(has, due, strict=False))
            )
            yield found, f"its record {same + 1} is not what the journal says"


def main(arguments: list[str]) -> int:
    """Run by the journal process: the journal's directory and unread_max."""
    directory, unread_max = arguments
    os.nice(NICE)
    try:
        make_checkpoint(Path(directory), int(unread_max))
    except OSError as problem:
        sys.stderr.write(f"fixengine: no checkpoint in {directory}: {problem.strerror}\n")
    except JournalError as problem:
        sys.stderr.write(f"fixengine: no checkpoint: {problem}\n")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
