"""Bugs put into a copy of the engine; each has to be caught: `make mutants`.

A mutant is a patch of the source, so the product has no switch for any of this. It is caught by the
worlds (world/), or by the scripts of session scenarios where SCRIPTS is said; never by a test
that was written for it. Names given on the command line choose some of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SEEDS = 200
WORLD = "-m", "world", "--seed", "0", "--seeds", str(SEEDS)
RARE = *WORLD[:-1], str(5 * SEEDS)
"""For what one world in some 200 meets; they end with the first that finds it."""
SCRIPTS = "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/test_scripts.py"
TIMEOUT_S = 3600


class Mutant(NamedTuple):
    """A bug. patches: (file below engine/fixengine, what stands there once, what instead). by: what
    has to catch it. survives: why it is not caught yet, empty where it must be.
    """

    name: str
    patches: tuple[tuple[str, str, str], ...]
    by: tuple[str, ...] = WORLD


MUTANTS = (
    Mutant(
        "clear the tail on read",
        (
            (
                "network/arriving.py",
                "        if line.framer.garbled != line.garbled_seen:",
                "        line.framer = wire.Framer(1 << 20, plans=line.plans)\n"
                "        line.garbled_seen = 0\n"
                "        if line.framer.garbled != line.garbled_seen:",
            ),
        ),
        SCRIPTS,
    ),
    Mutant(
        "re-send on reconnect",
        (
            (
                "network/gateway.py",
                "        for order in self.orders.lost(eye.number, unwatched):\n",
                "        for order in self.orders.lost(eye.number, unwatched):\n"
                "            if not order.is_cancel and order.order_id is None:\n"
                "                again = [*getattr(self.leaving, 'again', []), order]\n"
                "                self.leaving.again = again\n",
            ),
            (
                "network/leaving.py",
                "            stamped = 0\n",
                "            if line.can_carry() and getattr(self, 'again', []):\n"
                "                pending, line.pending = list(pending), []\n"
                "                from fixengine.fix import fields\n"
                "                from fixengine.messages import request_decoder\n"
                "                for order in self.again:\n"
                "                    request = request_decoder.decode(order.request)\n"
                "                    replace = {'cl_ord_id': order.wire_id}\n"
                "                    kind = fields.NEW_ORDER_SINGLE\n"
                "                    pending.append(Pending(order, kind, request, now, replace))\n"
                "                self.again = []\n"
                "            stamped = 0\n",
            ),
        ),
    ),
    Mutant(
        "no de-duplication",
        (
            (
                "network/reports.py",
                "        if key is not None and not order.see(key):\n            return\n",
                "",
            ),
        ),
    ),
    Mutant(
        "de-duplicate by TradeID alone",
        (
            (
                "network/reports.py",
                "        if key is not None and not order.see(key):\n            return\n",
                "        if key is not None:\n            if key in self._foreign_told:\n"
                "                return\n            self._foreign_told[key] = None\n",
            ),
        ),
    ),
    Mutant(
        "ignore a hole",
        (
            (
                "fix/session.py",
                "        if self.hole is None:\n            self.hole = text\n"
                "            self._note(Happening.STALE, text)\n",
                "        pass\n",
            ),
        ),
    ),
    Mutant(
        "no lock-out clock",
        (
            (
                "network/sessions.py",
                "        self._locked_until_ns = dict(locked_until_ns or {})",
                "        self._locked_until_ns: dict[str, int] = {}",
            ),
            (
                "network/sessions.py",
                "        self._locked_until_ns[leg.comp_id] = now + 2 * self.heartbeat_ns\n"
                "        self._locked_role",
                "        self._locked_until_ns[leg.comp_id] = now\n        self._locked_role",
            ),
        ),
    ),
    Mutant(
        "journal after send",
        (
            (
                "network/gateway.py",
                "        recorded = self.teller.record(INTENT, now, line.number,"
                " named(wire_id, payload))\n",
                "        recorded = True\n"
                "        line.late = [*getattr(line, 'late', []), named(wire_id, payload)]\n",
            ),
            (
                "network/leaving.py",
                "            if line.session.close_requested:\n"
                "                line.transport.close()\n",
                "            if line.session.close_requested:\n"
                "                line.transport.close()\n"
                "        for data in getattr(line, 'late', []):\n"
                "            self._teller.record(Kind.INTENT, now, line.number, data)\n"
                "        line.late = []\n",
            ),
        ),
    ),
    Mutant(
        "drop the torn-tail check",
        (
            (
                "network/journal/reader.py",
                " : at + whole]) != checksum:",
                " : at + whole]) is None:",
            ),
        ),
    ),
    Mutant(
        "forget unknown orders in limits",
        (
            (
                "desk/orders.py",
                "            order.standing = UNKNOWN\n",
                "            self._open_total -= order.standing is not UNKNOWN\n"
                "            order.standing = UNKNOWN\n",
            ),
        ),
    ),
    Mutant(
        "accept a stale epoch",
        (("network/gate.py", "        if request.epoch != self.epoch:", "        if False:"),),
        RARE,
    ),
    Mutant(
        "cancel on another session",
        (
            (
                "network/lines.py",
                "            return (own,)\n",
                "            return self.carriers[::-1]\n",
            ),
        ),
    ),
    Mutant(
        "release the reserve for cancels to orders",
        (
            (
                "desk/limits.py",
                "        self.ordinary_max = self.urgent_max - for_urgent\n",
                "        self.ordinary_max = self.urgent_max\n",
            ),
        ),
    ),
    Mutant(
        "keep orders after the kill of their strategy against the policy",
        (
            (
                "network/liveness.py",
                "            if policy.cancels or policy.heir:\n"
                "                self._end_orders(strategy, policy, now, CANCELS_PER_STEP)\n",
                "",
            ),
        ),
    ),
    Mutant(
        "cancel orders after the kill of their strategy against the policy",
        (
            (
                "network/liveness.py",
                "            if policy.cancels or policy.heir:\n"
                "                self._end_orders(strategy, policy,",
                "            if True:\n                self._end_orders(strategy, END,",
            ),
        ),
    ),
    Mutant(
        "count one id for a message with several requests",
        (
            (
                "network/gateway.py",
                "        self.counter += ids\n",
                "        self.counter += 1\n",
            ),
        ),
    ),
    Mutant(
        "treat -1007 as rejected",
        (
            ("network/reports.py", "if code in self.venue.unknown_codes:", "if False:"),
            ("network/reports.py", "number_of(code) in self.venue.unknown_codes:", "False:"),
        ),
    ),
    Mutant(
        "treat not-found as dead at once",
        (
            (
                "desk/recovery.py",
                "        if case.order.order_id is not None or now < arrived_ns:",
                "        if case.order.order_id is not None:",
            ),
            ("desk/recovery.py", "ABSENT_MIN = 2", "ABSENT_MIN = 1"),
        ),
    ),
    Mutant(
        "deliver before journalling",
        (
            (
                "network/teller.py",
                "        self.record(DELIVERED, now, 0, named(strategy.name, payload))\n"
                "        self.strategies.deliver(strategy, payload, now)\n",
                "        self.strategies.deliver(strategy, payload, now)\n"
                "        self.record(DELIVERED, now, 0, named(strategy.name, payload))\n",
            ),
        ),
    ),
    Mutant(
        "skip one report sequence",
        (
            (
                "network/strategies.py",
                "        strategy.next_seq = seq + 1\n",
                "        strategy.next_seq = seq + 1 + (seq == 100)\n",
            ),
        ),
    ),
    Mutant(
        "ignore valid_for_ms",
        (
            (
                "network/gate.py",
                "        if now > request.sent_ns + request.valid_for_ms * MILLISECOND_NS:",
                "        if False:",
            ),
            ("network/leaving.py", "        if now > item.expires_ns:", "        if False:"),
        ),
    ),
    Mutant(
        "count fills from cumulative quantity",
        (
            (
                "network/reports.py",
                "        self.orders.filled(order, last_qty if exec_type == TRADE else 0,"
                " cum_qty, now)",
                "        self.orders.filled(order, max(0, cum_qty - order.filled), cum_qty, now)",
            ),
        ),
    ),
    Mutant(
        "forget a base fee",
        (
            (
                "desk/positions.py",
                "        for name, fee in fees:",
                "        for name, fee in fees if fill.side != Side.BUY else ():",
            ),
        ),
    ),
    Mutant(
        "exceed 15 attempts across a restart",
        (("network/making.py", "attempts_ns=tuple(state.attempts(now)),", "attempts_ns=(),"),),
    ),
    Mutant(
        "forget what was missing over a restart",
        (
            (
                "network/recall.py",
                "        self._orders.filled(order, carried.filled, carried.cum_qty, 0)",
                "        order.filled, order.cum_qty = carried.filled, carried.cum_qty",
            ),
        ),
    ),
    Mutant(
        "wait for an answer for ever",
        (
            (
                "network/reports.py",
                "for order in self.orders.silent(now, self.answer_ns_max):",
                "for order in ():",
            ),
        ),
    ),
    Mutant(
        "answer TestRequest without 112",
        (
            (
                "fix/session.py",
                'self._emit(fields.HEARTBEAT, now, {"test_req_id": test_req_id})',
                "self._emit(fields.HEARTBEAT, now)",
            ),
        ),
        SCRIPTS,
    ),
)


def mutated(mutant: Mutant, folder: Path) -> None:
    """Write a copy of the engine with the bug in it. SystemExit where a patch does not fit."""
    shutil.copytree(ROOT / "engine" / "fixengine", folder / "fixengine")
    patch(mutant, folder / "fixengine")


def patch(mutant: Mutant, engine: Path) -> None:
    """Put the bug into this copy of the package. SystemExit where it does not fit."""
    for name, before, after in mutant.patches:
        path = engine / name
        text = path.read_text()
        if before not in text:
            sys.exit(f"{mutant.name}: {name} does not hold {before!r} any more; mend the patch")
        text = text.replace(before, after)
        compile(text, str(path), "exec")
        path.write_text(text)


def is_caught(mutant: Mutant) -> tuple[bool, str]:
    """Whether the bug was found, and the last thing that was said."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mutated(mutant, folder)
        places = os.pathsep.join((str(folder), str(ROOT / "tests")))
        try:
            done = subprocess.run(
                [sys.executable, *mutant.by],
                check=False,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": places},
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            return False, f"nothing was found in {TIMEOUT_S} s"
    said = [line for line in (done.stdout + done.stderr).splitlines() if line]
    breach = [line for line in said if line[:1] == "I" and line[2:3] == ":"]
    return done.returncode != 0, (breach or said[-1:])[0][:110]


def main() -> int:
    """See the module's top."""
    chosen = [one for one in MUTANTS if not sys.argv[1:] or one.name in sys.argv[1:]]
    width = max(len(one.name) for one in chosen)
    survivors = []
    began = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, (caught, text) in zip(chosen, pool.map(is_caught, chosen), strict=True):
            by = "scripts" if mutant.by is SCRIPTS else "worlds"
            verdict = f"by {by}" if caught else "SURVIVED"
            print(f"{mutant.name:{width}}  {verdict:10}  {text}", flush=True)
            if not caught:
                survivors.append(mutant.name)
    minutes = (time.monotonic() - began) / 60
    print(
        f"{len(chosen)} bugs in {minutes:.0f} minutes; survivors: {', '.join(survivors) or 'none'}"
    )
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
