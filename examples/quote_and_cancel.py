"""Quote one limit order away from the market, wait for it to rest, cancel it.

    python examples/quote_and_cancel.py --endpoint ipc:///run/desk/bus.sock --price 10000

Prints every event. Exit status 0 if the order was acknowledged and then cancelled.
"""

import argparse
import sys

from fixengine.client import Client, ClientError
from fixengine.messages import (
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderUnknown,
    Refused,
    Side,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", required=True, help="the bus in the engine's config")
    parser.add_argument("--strategy", default="quoter", help="this strategy's name")
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--price", default="10000", help="well below the market")
    parser.add_argument("--quantity", default="0.001")
    parser.add_argument("--patience-ms", type=int, default=5000, help="wait so long for answers")
    wanted = parser.parse_args()
    try:
        with Client(
            wanted.endpoint,
            wanted.strategy,
            connect_timeout_ms=wanted.patience_ms,
            answer_timeout_ms=wanted.patience_ms,
        ) as client:
            quote = NewOrderSingle.limit(wanted.symbol, Side.BUY, wanted.quantity, wanted.price)
            order = client.submit(quote)
            print(f"quoted   {order}: buy {wanted.quantity} {wanted.symbol} at {wanted.price}")
            if not came_true(client, order, ExecType.NEW):
                return 1
            cancel = client.cancel(order)
            print(f"cancels  {order} by {cancel}")
            return 0 if came_true(client, cancel, ExecType.CANCELED) else 1
    except (ClientError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 1


def came_true(client: Client, cl_ord_id: str, wanted: ExecType) -> bool:
    """Print events until the request is answered; whether the answer is the wanted one.

    Silence does not hang this loop: the client raises NoAnswer.
    """
    for event in client.reports():
        match event:
            case ExecutionReport():
                text = f"{event.text or ''} {event.venue_code or ''}".rstrip()
                print(f"report   {event.cl_ord_id}: 150={event.exec_type} {text}".rstrip())
                if event.cl_ord_id == cl_ord_id:
                    return event.exec_type == wanted
            case Refused() | OrderCancelReject() | OrderUnknown():
                print(f"failed   {event}")
                if event.cl_ord_id == cl_ord_id:
                    return False
            case _:
                print(f"news     {event}")
    return False


if __name__ == "__main__":
    sys.exit(main())
