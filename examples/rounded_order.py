"""Ask for the rules of a symbol, place an order rounded by them, wait for the answer, cancel it.

    python examples/rounded_order.py --endpoint ipc:///run/desk/bus.sock --price 12345.6789

For who wants an answer rather than a stream. Exit status 0 if the order was accepted and cancelled.
"""

import argparse
import sys

from fixengine.client import Client, ClientError
from fixengine.messages import ExecutionReport, NewOrderSingle, OrdStatus, Refused, Side


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", required=True, help="the bus in the engine's config")
    parser.add_argument("--strategy", default="rounder", help="this strategy's name")
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--price", default="12345.6789", help="well below the market")
    parser.add_argument("--quantity", default="0.00123456")
    wanted = parser.parse_args()
    try:
        with Client(wanted.endpoint, wanted.strategy) as client:
            return place(client, wanted.symbol, wanted.quantity, wanted.price)
    except (ClientError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 1


def place(client: Client, symbol: str, quantity: str, price: str) -> int:
    rules = client.instrument(symbol)
    print(f"rules    {symbol}: tick {rules.tick_size}, step {rules.step_size}")
    order = rules.rounded(NewOrderSingle.limit(symbol, Side.BUY, quantity, price))
    print(f"places   {order.order_qty} {symbol} at {order.price}")
    answer = client.submit_and_wait(order).event
    match answer:
        case ExecutionReport(ord_status=OrdStatus.NEW):
            print(f"accepted {answer.cl_ord_id} as {answer.order_id}")
        case ExecutionReport():
            print(f"ended    {answer.ord_status}: {answer.reject_reason} {answer.text}")
            return 1
        case Refused():
            print(f"refused  {answer.reason}: {answer.text}")
            return 1
        case _:
            print(f"unknown  {answer}")
            return 1
    client.cancel(answer.cl_ord_id)
    for event in client.reports(timeout=5):
        if isinstance(event, ExecutionReport) and event.ord_status == OrdStatus.CANCELED:
            print(f"canceled {event.orig_cl_ord_id}")
            return 0
    print("nobody has told of the cancel: the order may be live", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
