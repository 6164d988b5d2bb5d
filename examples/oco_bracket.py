"""Buy at the market, then sell at a profit or at a loss, whichever the price comes to first.

    python examples/oco_bracket.py --endpoint ipc:///run/desk/bus.sock --percent 0.5

The two sales are one order list: the venue ends the one once the other trades, also while this
program is gone. Exit status 0 if the list has ended, by a sale or by a cancel after a long silence.
"""

import argparse
import sys
from decimal import Decimal

from fixengine.client import Client, ClientError
from fixengine.messages import (
    ExecutionReport,
    ListOrderStatus,
    ListStatus,
    NewOrderSingle,
    OrderUnknown,
    SessionStatus,
    Side,
    oco,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", required=True, help="the bus in the engine's config")
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--quantity", default="0.01")
    parser.add_argument("--percent", default="0.5", type=Decimal, help="of profit, and of loss")
    parser.add_argument("--patience", default=60.0, type=float, help="seconds without a word")
    wanted = parser.parse_args()
    try:
        with Client(wanted.endpoint, "bracket") as client:
            return bracket(client, wanted)
    except (ClientError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 1


def bracket(client: Client, wanted: argparse.Namespace) -> int:
    symbol, rules = wanted.symbol, client.instrument(wanted.symbol)
    order = NewOrderSingle.market(symbol, Side.BUY, wanted.quantity)
    answer = client.submit_and_wait(order, until="done")
    fills = [one for one in answer.events if isinstance(one, ExecutionReport) and one.last_px]
    if not fills:
        print(f"bought   nothing: {answer.event}")
        return 1
    last, fees = fills[-1], [fee for fill in fills for fee in fill.misc_fees or ()]
    paid = sum(Decimal(fee.misc_fee_amt) for fee in fees if fee.misc_fee_curr == rules.base_asset)
    quantity = Decimal(last.cum_qty) - paid
    price = Decimal(last.cum_quote_qty or 0) / Decimal(last.cum_qty)
    print(f"bought   {quantity} at {price}")
    away = price * wanted.percent / 100
    loss = rules.rounded(NewOrderSingle.stop_loss(symbol, Side.SELL, quantity, price - away))
    profit = rules.rounded(NewOrderSingle.limit_maker(symbol, Side.SELL, quantity, price + away))
    listed = client.submit_list(oco(loss, profit))
    for patience in (wanted.patience, 5.0):
        for event in client.reports(timeout=patience):
            match event:
                case ExecutionReport() if event.last_px:
                    print(f"sold     {event.last_qty} at {event.last_px}")
                case ExecutionReport() | OrderUnknown() | SessionStatus():
                    print(f"news     {event}")
                case ListStatus(list_order_status=ListOrderStatus.EXECUTING):
                    print(f"offers   {quantity} at {profit.price}, stops at {loss.trigger_price}")
                case ListStatus(list_order_status=ListOrderStatus.ALL_DONE):
                    return 0
                case _:
                    print(f"failed   {event}")
                    return 1
        client.cancel(f"{listed}-1")  # the profit, which may rest when the stop is gone: ends both
    print("nobody has told of the end: the orders may be live", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
