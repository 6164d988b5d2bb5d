"""An engine and a venue in memory under a simulated clock, to test strategies in milliseconds.

    from fixengine.testing import SimulatedEngine

    with SimulatedEngine(house=False) as engine:
        client = engine.client("maker")
        order = client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.01", "50000"))
        engine.venue.fill(order, "0.004")
        for event in client.reports(timeout=5):
            print(event)

`engine.client` gives the ordinary Client; a strategy that makes its own, Client or AsyncClient,
is told `engine.endpoint`. In pytest the fixtures `fix_engine` and `fix_client` need no import.

A client's waiting lets simulated time go by, up to the next thing that anybody does: five silent
seconds take no time. Nothing else does, so what a strategy does by itself (sleeping, reading the
machine's clock) is not simulated. All clients of an engine belong to one thread.
"""

from fixengine.simulator.choices import ChoiceError
from fixengine.simulator.faults.names import FaultError
from fixengine.testing.engine import LogLine, SimulatedEngine
from fixengine.testing.errors import NothingHappens, SimulationError
from fixengine.testing.venue import Balance, SimulatedVenue, VenueOrder, VenueTrade

__all__ = [
    "Balance",
    "ChoiceError",
    "FaultError",
    "LogLine",
    "NothingHappens",
    "SimulatedEngine",
    "SimulatedVenue",
    "SimulationError",
    "VenueOrder",
    "VenueTrade",
]
