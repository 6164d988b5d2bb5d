"""Chase the market: bid, and as long as nobody sells, put a higher bid in its place.

    python examples/chase.py --endpoint ipc:///run/desk/bus.sock --price 49998 --limit 50001

Each move is one message, and a bid that has traded is not moved, or too much could be bought. Exit
status 0 if all was bought, or nothing was up to the limit and the bid is cancelled.
"""

import argparse
import sys
from decimal import Decimal

from fixengine.client import Client, ClientError
from fixengine.messages import (
    CancelRestrictions,
    ExecutionReport,
    NewOrderSingle,
    OrderUnknown,
    OrdStatus,
    Refused,
    Side,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", required=True, help="the bus in the engine's config")
    parser.add_argument("--strategy", default="chaser", help="this strategy's name")
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--quantity", default="0.001")
    parser.add_argument("--price", default="49998", type=Decimal, help="of the first bid")
    parser.add_argument("--limit", default="50001", type=Decimal, help="never bid more")
    parser.add_argument("--step", default="1", type=Decimal, help="by how much a bid is moved")
    parser.add_argument("--wait", default=0.5, type=float, help="seconds of silence before that")
    wanted = parser.parse_args()
    try:
        with Client(wanted.endpoint, wanted.strategy) as client:
            return chase(client, wanted)
    except (ClientError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 1


def chase(client: Client, wanted: argparse.Namespace) -> int:
    def bid(price: Decimal) -> NewOrderSingle:
        return NewOrderSingle.limit(wanted.symbol, Side.BUY, wanted.quantity, price)

    over = OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED
    price, status = wanted.price, dict[str, str]()
    bids, gives_up = [client.submit(bid(price))], False
    while True:
        for event in client.reports(timeout=wanted.wait):
            match event:
                case ExecutionReport():
                    # A cancelled bid is told of under the id of its cancel.
                    status[event.orig_cl_ord_id or event.cl_ord_id] = event.ord_status
                case Refused():
                    print(event)
                    status[event.cl_ord_id] = OrdStatus.REJECTED
                case OrderUnknown():
                    print(event)  # it may be live: what became of it will be told
        live = [name for name in bids if status.get(name) not in over]
        if not live:
            print(f"ended    {status.get(bids[-1], 'unknown')} at {price}")
            return int(not gives_up and OrdStatus.FILLED not in status.values())
        if status.get(live[-1]) != OrdStatus.NEW:
            continue
        if price >= wanted.limit:
            client.cancel(live[-1])
            gives_up = True
            continue
        price = min(price + wanted.step, wanted.limit)
        only_new = CancelRestrictions.ONLY_NEW
        bids.append(client.cancel_replace(live[-1], bid(price), cancel_restrictions=only_new))
        print(f"moves    {live[-1]} to {price} as {bids[-1]}")


if __name__ == "__main__":
    sys.exit(main())
