"""A client made with quickfix: logs on, sends one order, waits for its echo, logs out.

`python foreign_initiator.py SETTINGS` prints what happened, a word a line.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import quickfix

WAIT_S = 10


class Application(quickfix.Application):  # type: ignore[misc]
    """Prints what happens and lets the walk go on."""

    def __init__(self) -> None:
        super().__init__()
        self.logged_on = threading.Event()
        self.logged_out = threading.Event()
        self.back = threading.Event()

    def onCreate(self, session_id: Any) -> None:
        """Nothing to do."""

    def onLogon(self, session_id: Any) -> None:
        """The session stands."""
        self.session_id = session_id
        print("logged_on", flush=True)
        self.logged_on.set()

    def onLogout(self, session_id: Any) -> None:
        """The session is over."""
        self.logged_out.set()

    def toAdmin(self, message: Any, session_id: Any) -> None:
        """Nothing to add."""

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        """Nothing to look at."""

    def toApp(self, message: Any, session_id: Any) -> None:
        """Nothing to add."""

    def fromApp(self, message: Any, session_id: Any) -> None:
        """The echo."""
        assert message.getField(11) == "a"
        print("back", flush=True)
        self.back.set()


def main() -> int:
    """The walk; 0 where all of it happened."""
    settings = quickfix.SessionSettings(sys.argv[1])
    application = Application()
    store = quickfix.FileStoreFactory(settings)
    initiator = quickfix.SocketInitiator(application, store, settings)
    initiator.start()
    if not application.logged_on.wait(WAIT_S):
        return 1
    order = quickfix.Message()
    order.getHeader().setField(8, "FIX.4.4")
    order.getHeader().setField(35, "D")
    for tag, value in ((11, "a"), (21, "1"), (40, "1"), (54, "1"), (55, "X")):
        order.setField(tag, value)
    order.setField(60, "20260101-00:00:00")
    print("order", flush=True)
    quickfix.Session.sendToTarget(order, application.session_id)
    if not application.back.wait(WAIT_S):
        return 1
    initiator.stop()
    if not application.logged_out.wait(WAIT_S):
        return 1
    print("logged_out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
