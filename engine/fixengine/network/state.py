"""What must survive the process: the epoch, strategy numbers, CompIDs in use, connection attempts.

Everything lies in one file, state.json, in a directory of mode 0700. The file is replaced whole
(written beside, synced, renamed, directory synced) before a method returns, so that a crash leaves
the old one or the new one. An advisory lock on the file `lock` keeps a second engine out; it ends
with the process, however that ends.

A SenderCompID is marked before its TCP connect and unmarked by the Logout answer. kill -9 writes
nothing, so a mark found at start tells of an unclean end, and the id rests for twice HeartBtInt.

Wall clock, in ns since 1970, is an argument. Connection attempts are kept on the monotonic clock,
which no step of the wall clock moves, with the boot that it counts from: those of another boot
count as made when the first process of this one asks. Each change waits for the disk: call from a
thread where that matters. All methods may be called from any thread.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import threading
from pathlib import Path
from typing import Annotated, Any

import msgspec
import orjson

SECOND_NS = 1_000_000_000
EPOCH_MAX = (1 << 32) - 1
ORIGIN_MAX = (1 << 16) - 1
STRATEGY_NUMBER_MAX = 65_535
ATTEMPTS_KEPT_MAX = 1000
ATTEMPTS_KEPT_NS = 600 * SECOND_NS
LOCK_NAME = "lock"
FILE_NAME = "state.json"
VERSION = 1
BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")


class StateError(Exception):
    """The state directory cannot be used; one line that names the file and the next step."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Number = Annotated[int, msgspec.Meta(ge=1, le=STRATEGY_NUMBER_MAX)]
Epoch = Annotated[int, msgspec.Meta(ge=0, le=EPOCH_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class CompIdMark(msgspec.Struct, forbid_unknown_fields=True):
    """A SenderCompID that was connected and not logged out.

    locked_until_ns: when the venue frees it; 0 while the connection lives (or its process died).
    """

    heartbeat_s: Annotated[int, msgspec.Meta(ge=1, le=3600)]
    marked_ns: Count
    locked_until_ns: Count = 0


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """state.json. A field that this version does not know is refused, for it would be lost.

    attempts_ns: on the monotonic clock of the boot boot_id. origin: 16 bits drawn for a directory
    that is new, which tell the ids of its orders from those of another engine on the same account;
    0 where it was made before there were any.
    """

    version: Annotated[int, msgspec.Meta(ge=VERSION, le=VERSION)] = VERSION
    epoch: Epoch = 0
    origin: Annotated[int, msgspec.Meta(ge=0, le=ORIGIN_MAX)] = 0
    strategies: dict[Name, Number] = {}
    comp_ids: dict[Name, CompIdMark] = {}
    boot_id: str = ""
    attempts_ns: Annotated[list[Count], msgspec.Meta(max_length=ATTEMPTS_KEPT_MAX)] = []


class StateDir:
    """An open and locked state directory; close it, or use it as a context manager.

    path: the directory. last_epoch: of the newest run there was when it was opened, 0 for none.
    """

    def __init__(self, path: Path) -> None:
        """Make (0700), check and lock the directory, and read its file.

        StateError where it is not ours alone, in use by another engine, or damaged.
        """
        self.path = path
        make_private(path)
        self._change = threading.Lock()
        self._boot_id = boot_id()
        self._lock = take_lock(path)
        try:
            self._content = read_content(path / FILE_NAME)
        except StateError:
            os.close(self._lock)
            raise
        marks = self._content.comp_ids.items()
        self._left_over = {name for name, mark in marks if not mark.locked_until_ns}
        self.last_epoch = self._content.epoch

    def __enter__(self) -> StateDir:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock back; nothing else may be called afterwards."""
        # Not under the hands of a thread that still writes.
        with self._change:
            if self._lock >= 0:
                lock, self._lock = self._lock, -1
                os.close(lock)

    def told(self) -> dict[str, Any]:
        """What it says now, for the journal, so that a replay begins with the same."""
        return {"boot_id": self._boot_id, "content": msgspec.to_builtins(self._content)}

    def next_epoch(self, wall_ns: int) -> int:
        """Start a run: its epoch, greater than any before, and persisted.

        It is max(last + 1, unix seconds), 32 bits. Marks that the last run left behind become
        locks of twice their HeartBtInt from now.
        """
        with self._change:
            epoch = max(self._content.epoch + 1, wall_ns // SECOND_NS)
            if epoch > EPOCH_MAX:
                raise StateError(
                    self.path, f"epoch {epoch} has more than 32 bits; is the clock right?"
                )
            origin = self._content.origin
            if self._content.epoch == 0:
                origin = self._draw_origin()
            marks = self._settled(wall_ns)
            changes = {"epoch": epoch, "origin": origin, "comp_ids": marks}
            self._write(msgspec.structs.replace(self._content, **changes))
            self._left_over.clear()
            return epoch

    @property
    def origin(self) -> int:
        """See Content."""
        return self._content.origin

    def _draw_origin(self) -> int:
        return 1 + secrets.randbelow(ORIGIN_MAX)

    def strategy_number(self, name: str) -> int:
        """The number 1..65535 of a strategy: the one it always had, or a new one.

        name: 1..64 characters. Numbers are never given again; StateError once all are taken.
        """
        with self._change:
            known = self._content.strategies
            if name in known:
                return known[name]
            if not 1 <= len(name) <= 64:
                raise StateError(self.path, "a strategy's name has 1 to 64 characters")
            number = max(known.values(), default=0) + 1
            if number > STRATEGY_NUMBER_MAX:
                raise StateError(
                    self.path / FILE_NAME, f"all {STRATEGY_NUMBER_MAX} strategy numbers are taken"
                )
            self._write(msgspec.structs.replace(self._content, strategies=known | {name: number}))
            return number

    def strategies(self) -> dict[str, int]:
        """Every strategy that was ever numbered, by name."""
        return dict(self._content.strategies)

    def attempt(self, latest_ns: int) -> None:
        """Before a TCP connect: the venue counts it.

        latest_ns: monotonic ns by which it has come to the venue, or is given up.
        """
        with self._change:
            self._keep([*self._attempts(latest_ns), latest_ns])

    def attempts(self, now_ns: int) -> list[int]:
        """Times of the connection attempts of the last ten minutes, oldest first, over restarts.

        Monotonic ns, none after now_ns. The newest 1000 are kept.
        """
        with self._change:
            if self._content.boot_id != self._boot_id:
                self._keep(self._attempts(now_ns))
            return sorted(min(at, now_ns) for at in self._attempts(now_ns))

    def _attempts(self, now_ns: int) -> list[int]:
        times = self._content.attempts_ns
        if self._content.boot_id != self._boot_id:
            return [now_ns] * len(times)
        return [at for at in times if abs(now_ns - at) < ATTEMPTS_KEPT_NS]

    def _keep(self, attempts_ns: list[int]) -> None:
        attempts_ns = attempts_ns[-ATTEMPTS_KEPT_MAX:]
        changed = {"boot_id": self._boot_id, "attempts_ns": attempts_ns}
        self._write(msgspec.structs.replace(self._content, **changed))

    def mark_in_use(self, comp_id: str, heartbeat_s: int, wall_ns: int) -> None:
        """Before the TCP connect: this SenderCompID is taken until `clear`."""
        with self._change:
            marks = self._content.comp_ids | {comp_id: CompIdMark(heartbeat_s, wall_ns)}
            self._write(msgspec.structs.replace(self._content, comp_ids=marks))
            self._left_over.discard(comp_id)

    def clear(self, comp_id: str) -> None:
        """The venue answered our Logout, or was never reached: the CompID is free at once."""
        with self._change:
            marks = dict(self._content.comp_ids)
            if marks.pop(comp_id, None) is not None:
                self._write(msgspec.structs.replace(self._content, comp_ids=marks))
                self._left_over.discard(comp_id)

    def locked_until(self, comp_id: str, wall_ns: int) -> int:
        """Wall clock, ns, from which the CompID may be used again; 0 where it may be now.

        The rest after an unclean end begins when the next process first asks, which is persisted.
        Never later than twice HeartBtInt from now, so that a clock set back does not lock an id
        for long. An id that this process has in use is not locked: the caller knows those.
        """
        with self._change:
            if comp_id in self._left_over:
                marks = self._settled(wall_ns)
                self._write(msgspec.structs.replace(self._content, comp_ids=marks))
                self._left_over.clear()
            mark = self._content.comp_ids.get(comp_id)
            if mark is None or mark.locked_until_ns <= wall_ns:
                return 0
            return min(mark.locked_until_ns, wall_ns + rest_ns(mark))

    def _settled(self, wall_ns: int) -> dict[str, CompIdMark]:
        """The marks, with a lock from now for those that a dead process left behind."""
        return {
            comp_id: msgspec.structs.replace(mark, locked_until_ns=wall_ns + rest_ns(mark))
            if comp_id in self._left_over
            else mark
            for comp_id, mark in self._content.comp_ids.items()
        }

    def _write(self, content: Content) -> None:
        data = orjson.dumps(msgspec.to_builtins(content), option=orjson.OPT_INDENT_2) + b"\n"
        try:
            replace_file(self.path / FILE_NAME, data)
        except OSError as error:
            reason = f"cannot be written: {error.strerror}"
            raise StateError(self.path / FILE_NAME, reason) from None
        self._content = content


class StateInMemory(StateDir):
    """A state directory without a directory, which is lost with it.

    content: what it begins with. boot_id: of the boot that its monotonic clock counts from.
    """

    def __init__(self, content: Content | None = None, boot_id: str = "memory") -> None:
        # Nothing of what StateDir's own constructor opens is wanted.
        self.path = Path("memory")
        self._change = threading.Lock()
        self._lock = -1
        self._boot_id = boot_id
        self._content = Content() if content is None else content
        self.last_epoch = self._content.epoch
        marks = self._content.comp_ids.items()
        self._left_over = {name for name, mark in marks if not mark.locked_until_ns}

    def _draw_origin(self) -> int:
        return 1

    def _write(self, content: Content) -> None:
        self._content = content


def rest_ns(mark: CompIdMark) -> int:
    """How long the venue keeps a CompID that was not logged out."""
    return 2 * mark.heartbeat_s * SECOND_NS


def boot_id() -> str:
    """The system's name for its boot, from which its monotonic clock counts."""
    try:
        return BOOT_ID_FILE.read_text().strip()
    except OSError as error:
        raise StateError(
            BOOT_ID_FILE, f"cannot be read: {error.strerror}; is /proc mounted?"
        ) from None


def make_private(path: Path) -> None:
    """Make a directory 0700 where it is missing; StateError where others could reach into it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise StateError(path, f"the directory cannot be made: {error.strerror}") from None
    if status.st_uid != os.geteuid():
        own = os.geteuid()
        raise StateError(path, f"belongs to user {status.st_uid}; expected your own, {own}")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        advice = "choose a directory of your own with mode 0700, which is made where it is missing"
        raise StateError(path, f"has mode {mode:04o}, open to others; {advice}")


def take_lock(path: Path) -> int:
    """The descriptor that holds the lock; StateError names the process that has it."""
    name = path / LOCK_NAME
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StateError(name, f"cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
        os.close(lock)
        who = f"process {holder}" if holder.isdigit() else "another process"
        raise StateError(
            path, f"in use by {who}; one engine per state directory: stop that one first"
        ) from None
    except OSError as error:
        os.close(lock)
        raise StateError(name, f"cannot be locked: {error.strerror}") from None
    return lock


def read_content(path: Path) -> Content:
    """What state.json says, the beginning where there is none; StateError for a damaged one."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            data = file.read()
    except FileNotFoundError:
        return Content()
    except OSError as error:
        raise StateError(path, f"cannot be read: {error.strerror}") from None
    advice = "put back a copy; or, with no order open, move it away to start anew"
    try:
        content = msgspec.json.decode(data, type=Content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(path, f"damaged, or of another version ({error}); {advice}") from None
    if len(set(content.strategies.values())) != len(content.strategies):
        raise StateError(path, f"damaged (two strategies have one number); {advice}")
    return content


def _without_waiting(path: str, flags: int) -> int:
    """A pipe in the place of a file would be waited for, and nobody told why."""
    return os.open(path, flags | os.O_NONBLOCK)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file so that a crash leaves the old or the new one, and wait for the disk."""
    temporary = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    with open(descriptor, "wb", buffering=0) as file:
        written = 0
        while written < len(data):
            written += file.write(data[written:])
        os.fsync(descriptor)
    os.replace(temporary, path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
