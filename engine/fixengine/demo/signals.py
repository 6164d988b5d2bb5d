"""The signals that end the demo, turned into an exception that runs every clean-up on its way.

Python itself does so for SIGINT only: SIGTERM and SIGHUP end a process where it stands, and would
leave its children running and its folder, with a private key in it, behind.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """A signal asked the demo to end. number: which; the text names it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


class Signals:
    """While entered, the first of NUMBERS raises Stopped in the main thread, and no other does.

    Nor does any during the clean-up, whose every step has a time limit. Must be entered in the
    main thread.
    """

    def __init__(self) -> None:
        self._held = False
        self._came: int | None = None
        self._cleaning = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Signals:
        for number in NUMBERS:
            # One that was ignored when we were started (nohup) stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def cleaning(self) -> Iterator[contextlib.ExitStack]:
        """An ExitStack whose clean-up at the end of the block no signal interrupts."""
        with contextlib.ExitStack() as stack:
            try:
                yield stack
            finally:
                self._cleaning = True

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait until the end of the block: a child that starts is known by then."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._came is not None:
            raise Stopped(self._came)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._came is not None or self._cleaning:
            return
        self._came = number
        if not self._held:
            raise Stopped(number)
