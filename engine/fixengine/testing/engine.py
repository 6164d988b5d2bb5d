"""The engine in memory: the network process as it is, in a world without machine."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fixengine.client import Client
from fixengine.client.place import IN_MEMORY, offer, withdraw
from fixengine.fix.keys import Signer
from fixengine.network.config.reader import Reader
from fixengine.network.process import Process
from fixengine.simulator.accounts import BALANCES
from fixengine.testing.bus import Hub
from fixengine.testing.clock import SECOND_NS, Clock, Run
from fixengine.testing.errors import SimulationError
from fixengine.testing.storage import JournalInMemory, StateInMemory
from fixengine.testing.surroundings import MemoryPlace, World
from fixengine.testing.venue import Ids, SimulatedVenue

API_KEY = "simulated"
STOP_NS_MAX = 120 * SECOND_NS
COMP_IDS = 32
"""Enough for a test that ends sessions uncleanly: such an id rests for twice HeartBtInt."""
CONFIG: dict[str, dict[str, Any]] = {
    "venue": {
        "environment": "simulator",
        "drop_copy_port": 9100,
        "ca_file": "none",
        "sender_comp_ids": [f"SIM{number}" for number in range(1, COMP_IDS + 1)],
    },
    "key": {"api_key_file": "none", "private_key_file": "none"},
    "engine": {"state_dir": "memory"},
    "sources": {"port": 9443, "user_data": False},
}
_numbers = itertools.count(1)


class LogLine(NamedTuple):
    """What the engine told its operator."""

    level: str
    text: str


class SimulatedEngine:
    """An engine and a venue in this process, under a simulated clock.

    Gateway, sessions, limits, order table, recovery and the venue are the real ones; only TLS,
    ZeroMQ and the disk are left out. Time stands still while a test or a strategy works, and goes
    by while a client waits for an event, or by `advance`. The same calls give the same events,
    ids and times included.

    seed: of what is left to chance, the pauses between connection attempts. limits: "venue" or
    "off", on both sides. house: whether the venue quotes around a fair price that never moves
    (BTCUSDT at 50000), or its book is empty until the test or a strategy fills it. balances: of
    the account the strategies trade on, by asset; None for plenty. choices: how the venue behaves
    where its documents leave it open, as `fixengine simulate --choose` takes them; raises
    ChoiceError. config: more of engine.toml, by section, such as {"venue": {"sessions": 2}}; raises
    ConfigError as a file would. The user data stream is off unless
    {"sources": {"user_data": True}} asks for it.

    endpoint: for Client and AsyncClient, as long as this is not closed. venue: see SimulatedVenue.
    log: what the engine told its operator, over all runs.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        limits: str = "venue",
        house: bool = True,
        balances: Mapping[str, str] | None = None,
        choices: Mapping[str, str] | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        given = {name: dict(section) for name, section in CONFIG.items()}
        given["limits"] = {"mode": limits}
        for name, section in (config or {}).items():
            given[name] = {**given.get(name, {}), **section}
        self.log: list[LogLine] = []
        self._config = Reader(Path("config")).config(given)
        private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % seed).digest())
        self._signer = Signer(private)
        self._clock = Clock()
        self._hub = Hub(self._clock)
        self._around = World(self._clock, self._hub, seed)
        self.venue = self._around.venue = SimulatedVenue(
            self._clock,
            {API_KEY: private.public_key()},
            self._ids_of,
            limits=limits,
            house=house,
            balances=BALANCES if balances is None else balances,
            choices=choices or {},
        )
        self._process: Process | None = None
        self._state: StateInMemory | None = None
        self._clients: list[Client] = []
        self._runs = 0
        self.endpoint = f"{IN_MEMORY}{next(_numbers)}"
        offer(self.endpoint, MemoryPlace(self._clock, self._hub))
        self.start()

    # --- time -------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The monotonic clock of this world, as in `received_ns` of events."""
        return self._clock.now_ns

    def advance(self, seconds: float) -> None:
        """Let time go by, and everything happen that is due meanwhile."""
        self._clock.advance(self._clock.now_ns + int(seconds * SECOND_NS))

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Act in so many seconds, while a strategy waits: trade with it, let something go wrong.

        What the action raises comes out of the strategy's `reports`.
        """
        self._clock.at(self._clock.now_ns + int(seconds * SECOND_NS), action)

    # --- the engine -------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether the engine runs; one that the venue refuses for good ends by itself."""
        return self._process is not None

    def start(self) -> None:
        """Start the engine, which takes over what the run before left; it runs at first."""
        if self._process is not None:
            raise SimulationError("the engine runs already; stop() or kill() it first")
        run = self._around.run = Run(self._clock, self._look)
        process = Process(self._config, API_KEY, self._signer, self._say, self._around)
        self._process = process
        self._state = StateInMemory(self._state)
        process.start(self._state)
        self.journal.on_mark = process.on_mark
        bus = self._around.opened
        bus.on_request = process.on_bus
        self._hub.connect(bus)
        run.call_soon(process.on_timer)
        self._clock.settle()

    def stop(self) -> int:
        """Stop the engine in order, as SIGTERM does; its exit status. Open orders stay, unless
        {"engine": {"on_stop": "cancel"}} says otherwise.
        """
        process = self._running()
        process.stop()
        until_ns = self._clock.now_ns + STOP_NS_MAX
        while process.status is None and self._clock.turn(until_ns):
            pass
        self._look()
        assert process.status is not None, "the engine ends itself in less time"
        return process.status

    def kill(self) -> None:
        """End the engine where it stands, as kill -9 does; links are reset."""
        self._running()
        self._over()
        self._clock.settle()

    def restart(self) -> None:
        """Kill the engine and start it again."""
        self.kill()
        self.start()

    def client(self, strategy: str = "strategy", **options: Any) -> Client:
        """A connected Client, closed with this engine. options: as Client's."""
        client = Client(self.endpoint, strategy, **options)
        self._clients.append(client)
        return client

    @property
    def journal(self) -> JournalInMemory:
        """The journal of the present run; `healthy = False` lets its disk refuse."""
        return self._around.journals[-1]

    @property
    def journals(self) -> tuple[JournalInMemory, ...]:
        """Those of all runs, the present or last one at the end."""
        return tuple(self._around.journals)

    def close(self) -> None:
        """Close the clients that `client` made and end everything. A second call does nothing."""
        if not self.endpoint:
            return
        withdraw(self.endpoint)
        self.endpoint = ""
        for client in self._clients:
            client.close()
        if self._process is not None:
            self._over()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    # --- small steps ------------------------------------------------------------------------

    def _running(self) -> Process:
        if self._process is None:
            raise SimulationError("the engine does not run; start() it first")
        return self._process

    def _look(self) -> None:
        """An engine that has ended is gone."""
        if self._process is not None and self._process.status is not None:
            self._over()

    def _over(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        self._around.end()
        process.close()

    def _say(self, level: str, text: str, **details: object) -> None:
        self.log.append(LogLine(level, text))

    def _ids_of(self, cl_ord_id: str) -> Ids | None:
        orders = self._running().gateway.orders
        found = [order for order in orders if order.cl_ord_id == cl_ord_id and order.is_order]
        if len(found) > 1:
            raise SimulationError(f"{cl_ord_id!r} is an order of several strategies")
        return Ids(found[0].wire_id, found[0].symbol, found[0].order_id) if found else None
