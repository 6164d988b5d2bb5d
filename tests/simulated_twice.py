"""Some minutes of two strategies on several sessions, printed; every run must print the same."""

from __future__ import annotations

from fixengine.client import Client, NoAnswer
from fixengine.messages import NewOrderSingle, Side
from fixengine.testing import SimulatedEngine


def listen(client: Client) -> None:
    """Print every event; a request that a killed engine never read stays without an answer."""
    while True:
        try:
            for event in client.reports(timeout=40):
                print(event)
        except NoAnswer as problem:
            print(problem)
        else:
            return


def main() -> None:
    """Trade through a lost link, a kill of the engine and a maintenance."""
    config = {"venue": {"sessions": 3, "drop_copy": True}}
    with SimulatedEngine(seed=7, config=config) as engine:
        clients = [engine.client("one"), engine.client("two")]
        for turn in range(6):
            for client in clients:
                price = 49_000 + turn
                order = client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.01", price))
                client.submit(NewOrderSingle.market("ETHUSDT", Side.SELL, "0.5"))
                engine.venue.fill(order, "0.002")
                if turn % 2:
                    client.cancel(order)
            if turn == 2:
                engine.venue.fault("reset")
            if turn == 3:
                engine.restart()
            if turn == 4:
                engine.venue.fault("news", seconds=20)
            for client in clients:
                listen(client)
        print(engine.venue.trades, engine.venue.orders, engine.log, engine.now_ns)


if __name__ == "__main__":
    main()
