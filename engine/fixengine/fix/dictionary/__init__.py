"""The venue's table against an official dictionary (QuickFIX XML): what has changed, in words.

Four steps, none with I/O. reader.py turns the bytes of a dictionary, which may be anybody's bytes,
into a `Dictionary`; own.py puts our table into the same form; compare.py lists the differences,
without those that the venue's `overrides` explain; report.py says them in lines grouped by message.
"""

from __future__ import annotations

from fixengine.fix.dictionary.compare import Comparison, compare
from fixengine.fix.dictionary.model import Dictionary, Difference
from fixengine.fix.dictionary.own import own, scope_of
from fixengine.fix.dictionary.reader import BYTES_MAX, DictionaryError, read
from fixengine.fix.dictionary.report import as_json, lines

__all__ = [
    "BYTES_MAX",
    "Comparison",
    "Dictionary",
    "DictionaryError",
    "Difference",
    "as_json",
    "compare",
    "lines",
    "own",
    "read",
    "scope_of",
]
