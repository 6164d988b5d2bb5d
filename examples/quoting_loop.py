"""Keep a bid and an offer in the market; what was filled is quoted again.

    python examples/quoting_loop.py --endpoint ipc:///run/desk/bus.sock --mid 50000 --away 10

A side is not quoted where its fill would take the position beyond --most. After so many fills, long
silence or a refusal both quotes are cancelled. Exit status 0 if nothing was refused or is left.
"""

import argparse
import sys
from decimal import Decimal

from fixengine.client import Client, ClientError
from fixengine.messages import ExecutionReport, NewOrderSingle, OrdStatus, Refused, Side


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", required=True, help="the bus in the engine's config")
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--mid", default="50000", type=Decimal, help="quote around this price")
    parser.add_argument("--away", default="10", type=Decimal, help="so far from it")
    parser.add_argument("--quantity", default="0.001", type=Decimal, help="of each quote")
    parser.add_argument("--most", default="0.002", type=Decimal, help="position, long or short")
    parser.add_argument("--fills", default=10, type=int, help="stop after so many")
    wanted = parser.parse_args()
    try:
        with Client(wanted.endpoint, "quoter") as client:
            return Quoter(client, wanted).run()
    except (ClientError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 1


class Quoter:
    def __init__(self, client: Client, wanted: argparse.Namespace) -> None:
        self.client, self.wanted = client, wanted
        self.live: dict[str, Side] = {}  # every quote that may be in the market
        self.position, self.fills, self.refusals = Decimal(0), 0, 0

    def run(self) -> int:
        self.quote()
        for event in self.client.reports(timeout=60):
            self.hear(event)
            if self.fills >= self.wanted.fills or self.refusals:
                break
            self.quote()
        for name in self.live:
            self.client.cancel(name)
        while self.live and (event := next(self.client.reports(timeout=5), None)):
            self.hear(event)
        print(f"ends     with {self.position:f} after {self.fills} fills; live: {[*self.live]}")
        return int(self.refusals > 0 or len(self.live) > 0)

    def quote(self) -> None:
        for side, sign in ((Side.BUY, 1), (Side.SELL, -1)):
            after = abs(self.position + sign * self.wanted.quantity)
            if side not in self.live.values() and after <= self.wanted.most:
                terms = self.wanted.quantity, self.wanted.mid - sign * self.wanted.away
                order = NewOrderSingle.limit_maker(self.wanted.symbol, side, *terms)
                self.live[self.client.submit(order)] = side

    def hear(self, event: object) -> None:
        over = OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED
        if isinstance(event, ExecutionReport):
            if event.last_px is not None:
                sign = 1 if event.side == Side.BUY else -1
                self.position += sign * Decimal(event.last_qty or 0)
                self.fills += 1
            self.refusals += event.ord_status == OrdStatus.REJECTED
            if event.ord_status in over:
                self.live.pop(event.orig_cl_ord_id or event.cl_ord_id, None)
        elif isinstance(event, Refused):
            self.refusals += self.live.pop(event.cl_ord_id, None) is not None
            print(event)


if __name__ == "__main__":
    sys.exit(main())
