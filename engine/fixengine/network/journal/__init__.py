"""The journal: every input of the engine with its time, and every output, checksummed.

The walk appends to a ring in shared memory, which outlives the process; a process of its own brings
the ring to disk; after a crash the next start first saves what the ring still holds. The format
stands in record.py, the ring in ring.py, where it lies in place.py, the walk's door in door.py, the
disk side in writer.py, process.py, retention.py and checkpoint.py, reading in reader.py, earlier.py
and follow.py, what strategies are told from it again in archive.py, and what a person or a program
is shown in show.py, verify.py and export.py.
"""

from fixengine.fix.masking import mask
from fixengine.network.journal.checkpoint import Checkpoints
from fixengine.network.journal.door import Journal, Status
from fixengine.network.journal.reader import Damage, Entry, Missing, Record, entries, read, scan
from fixengine.network.journal.record import JournalError, Kind, mask_value, named
from fixengine.network.journal.retention import Keep
from fixengine.network.journal.writer import Recovered

__all__ = [
    "Checkpoints",
    "Damage",
    "Entry",
    "Journal",
    "Keep",
    "JournalError",
    "Kind",
    "Missing",
    "Record",
    "Recovered",
    "Status",
    "entries",
    "mask",
    "mask_value",
    "named",
    "read",
    "scan",
]
