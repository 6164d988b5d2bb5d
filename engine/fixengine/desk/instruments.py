"""The rules of symbols: which are known, which have to be asked for, and whether orders keep them.

An order in a symbol whose rules are not known goes out unchecked, for the venue checks it too; from
then on the symbol is asked for, and again every refresh_ns, at once where the venue says that a
filter fails which passes here. Rules that are known hold until others are told, however old.

Sans-I/O: `due` says what to ask, and the answers come in.
"""

from __future__ import annotations

from collections.abc import Iterable

from fixengine.messages import Broken, Instrument, NewOrderSingle, Rules

SYMBOLS_MAX = 1000
"""Beyond these no symbol is asked for; a strategy may invent any number of names."""
AGAIN_NS = 5_000_000_000
"""After a question that was not answered."""
DOUBTED_NS = 60_000_000_000
"""How long rules that the venue contradicts hold at least, so that it is not asked each time."""


class Instruments:
    """See the module's top.

    deadline: when `due` matters next; None where an answer has to come first, or nothing is wanted.
    """

    def __init__(self, refresh_ns: int) -> None:
        self.refresh_ns = refresh_ns
        self._rules: dict[str, Rules] = {}
        self._due_ns: dict[str, int] = {}
        self.deadline: int | None = None
        self._told_ns: dict[str, int] = {}
        self._asked: str | None = None
        self._is_held = False

    def known(self, symbol: str) -> Instrument | None:
        """What is known of a symbol."""
        rules = self._rules.get(symbol)
        return None if rules is None else rules.told

    def broken(self, orders: Iterable[NewOrderSingle], now: int) -> tuple[str, Broken] | None:
        """The first rule that one of these orders does not keep, behind its symbol; or None."""
        for order in orders:
            rules = self._rules.get(order.symbol)
            if rules is None:
                self.want(order.symbol, now)
                continue
            try:
                broken = rules.broken(order)
            except ArithmeticError:
                # An amount that is no number; who writes the message will name the field.
                return None
            if broken is not None:
                return order.symbol, broken
        return None

    def broken_qty(self, symbol: str, order_qty: str) -> tuple[str, Broken] | None:
        """The same of an order's new quantity."""
        rules = self._rules.get(symbol)
        try:
            broken = None if rules is None else rules.broken_qty(order_qty)
        except ArithmeticError:
            return None
        return None if broken is None else (symbol, broken)

    def want(self, symbol: str, now: int) -> bool:
        """Ask for a symbol, where that is not done yet; False where there are too many."""
        if symbol in self._due_ns:
            return True
        if len(self._due_ns) >= SYMBOLS_MAX:
            return False
        self._set_due(symbol, now)
        return True

    def doubt(self, symbol: str, now: int) -> None:
        """The venue says that a filter fails, and here none did."""
        if symbol in self._rules and now - self._told_ns[symbol] >= DOUBTED_NS:
            self._set_due(symbol, now)

    def hold(self, holds: bool) -> None:
        """Whether nothing is asked for yet: another answer, of several symbols, comes first."""
        self._is_held = holds
        self._set_deadline()

    def due(self, now: int) -> str | None:
        """The symbol to ask for now; one at a time. It counts as asked."""
        if self._asked is None and not self._is_held:
            for symbol, due_ns in self._due_ns.items():
                if now >= due_ns:
                    self._asked = symbol
                    self._set_deadline()
                    return symbol
        return None

    def told(self, found: Instrument, now: int, age_ns: int = 0) -> None:
        """The venue has told of a symbol, so long ago."""
        self._rules[found.symbol] = Rules(found)
        self._told_ns[found.symbol] = now - age_ns
        self._set_due(found.symbol, now + max(0, self.refresh_ns - age_ns))

    def answered(self, now: int, refused: bool | None = None) -> str | None:
        """The question is over; its symbol, where nothing was told of that.

        refused: None where it was answered; whether the venue said no, so that asking again soon
        is of no use.
        """
        symbol, self._asked = self._asked, None
        self._set_deadline()
        if symbol is None or self._due_ns[symbol] > now:
            return None
        self._set_due(symbol, now + (AGAIN_NS if refused is False else self.refresh_ns))
        return symbol

    def _set_due(self, symbol: str, due_ns: int) -> None:
        self._due_ns[symbol] = due_ns
        self._set_deadline()

    def _set_deadline(self) -> None:
        # Each wake-up looks at it; it moves a few times for each question.
        waits = self._asked is not None or self._is_held
        self.deadline = None if waits else min(self._due_ns.values(), default=None)
