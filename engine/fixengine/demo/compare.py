"""Whether what the strategies received is what the venue wrote: by identity and content.

The two sides keep files of their own. A line names a report by session, MsgSeqNum, ExecID and
TradeID and carries a digest of its bytes; a report counts as delivered only if all of it agrees.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import orjson

Identity = tuple[str, int, str | None, str | None, str]


class Comparison(NamedTuple):
    """delivered: agreeing reports. missing: written by the venue and not received, or received
    with other content. duplicated: received more than once. invented: received, never written.
    """

    delivered: int
    missing: int
    duplicated: int
    invented: int
    examples: tuple[str, ...]


def compare(written: Path, received: list[Path]) -> Comparison:
    """Hold the strategies' files against the venue's."""
    sent = Counter(_identities(written))
    heard: Counter[Identity] = Counter()
    for path in received:
        heard.update(_identities(path))
    missing = sent - heard
    invented = [identity for identity in heard if identity not in sent]
    examples = [f"missing: {identity}" for identity in list(missing)[:3]]
    examples += [f"never written: {identity}" for identity in invented[:3]]
    return Comparison(
        delivered=sum((sent & heard).values()),
        missing=missing.total(),
        duplicated=sum(count - sent[item] for item, count in heard.items() if count > sent[item])
        - len(invented),
        invented=len(invented),
        examples=tuple(examples),
    )


def _identities(path: Path) -> list[Identity]:
    lines = (orjson.loads(line) for line in path.read_bytes().splitlines())
    return [
        (line["session"], line["seq"], line["exec_id"], line["trade_id"], line["digest"])
        for line in lines
    ]
