"""Quote several prices at once, cancel each as soon as it rests, with asyncio.

    python examples/async_quotes.py --endpoint ipc:///run/desk/bus.sock --prices 10000 10001

Exit status 0 if every quote was acknowledged and then cancelled.
"""

import argparse
import asyncio
import sys

from fixengine.client import AsyncClient, ClientError, Delivery
from fixengine.messages import (
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderUnknown,
    Refused,
    Side,
)


async def quote(client: AsyncClient, symbol: str, prices: list[str]) -> int:
    """Quote each price; how many came back cancelled before something failed."""
    resting = {
        client.submit(NewOrderSingle.limit(symbol, Side.BUY, "0.001", price)): price
        for price in prices
    }
    cancelled = 0
    async for event in client.reports():
        match event:
            case ExecutionReport(exec_type=ExecType.NEW) if event.cl_ord_id in resting:
                print(f"rests    {resting[event.cl_ord_id]}")
                client.cancel(event.cl_ord_id)
            case ExecutionReport(exec_type=ExecType.CANCELED) if event.orig_cl_ord_id in resting:
                print(f"gone     {resting.pop(event.orig_cl_ord_id)}")
                cancelled += 1
            case _ if failed(event):
                print(f"failed   {event}")
                return cancelled
            case _:
                print(f"news     {event}")
        if not resting:
            break
    return cancelled


def failed(event: Delivery) -> bool:
    """Whether a request came to nothing, or an order came to something not asked for."""
    if isinstance(event, ExecutionReport):
        return event.exec_type in (ExecType.REJECTED, ExecType.EXPIRED, ExecType.TRADE)
    return isinstance(event, Refused | OrderCancelReject | OrderUnknown)


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", required=True, help="the bus in the engine's config")
    parser.add_argument("--strategy", default="async-quoter", help="this strategy's name")
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--prices", nargs="+", default=["10000", "10001"])
    parser.add_argument("--patience-ms", type=int, default=5000, help="wait so long for answers")
    wanted = parser.parse_args()
    try:
        async with AsyncClient(
            wanted.endpoint,
            wanted.strategy,
            connect_timeout_ms=wanted.patience_ms,
            answer_timeout_ms=wanted.patience_ms,
        ) as client:
            done = await quote(client, wanted.symbol, wanted.prices)
            return 0 if done == len(wanted.prices) else 1
    except (ClientError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
