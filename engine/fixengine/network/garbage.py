"""When the engine looks for garbage: in quiet seconds, and only where that takes no time.

What Python cannot free by itself are objects that know each other. The walk makes none, an attempt
to connect makes some. The collector finds them by going through everything that was made since it
looked last, which takes 0.1 us for each: after a thousand orders an order that comes then would
wait for a millisecond. So what came in a busy time is kept out of its sight for good instead, which
takes 10 us whatever there is: all of it is freed as ever, but for garbage that is among it.
"""

from __future__ import annotations

import gc

YOUNG_MAX = 1000
"""Objects that came and did not go. Where old ones went meanwhile there may be more."""
ORDERS_MAX = 50
"""Orders that were made, for as many old ones may have gone."""


class Garbage:
    """Looks for garbage from the start of a run on, when there is nothing else to look for it."""

    def __init__(self) -> None:
        self._made = 0
        gc.collect()
        gc.freeze()
        gc.disable()

    def look(self, made: int) -> None:
        """A second without a message is over. made: orders made in this run, ever."""
        new, self._made = made - self._made, made
        if new <= ORDERS_MAX and gc.get_count()[0] <= YOUNG_MAX:
            gc.collect(0)
        else:
            gc.freeze()

    def close(self) -> None:
        """Leave it to Python again."""
        gc.unfreeze()
        gc.enable()
