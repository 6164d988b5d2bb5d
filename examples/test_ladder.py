"""Test a strategy in milliseconds: no process, no socket, and the clock is simulated.

    python -m pytest examples/test_ladder.py

The strategy keeps one bid in the market and offers what of it is bought a little higher.
`fix_client` and `fix_engine` are fixtures that fixengine brings along.
"""

from decimal import Decimal

import pytest
from fixengine.client import Client
from fixengine.messages import (
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderUnknown,
    Refused,
    Side,
)
from fixengine.testing import SimulatedEngine

SYMBOL = "BTCUSDT"


def trade(client: Client, bid: str, profit: str, patience_s: float) -> Decimal:
    """Bid, offer each fill at `bid` plus `profit`, stop after silence; what was not sold again."""
    position = Decimal(0)
    buying = client.submit(NewOrderSingle.limit_maker(SYMBOL, Side.BUY, "0.010", bid))
    for event in client.reports(timeout=patience_s):
        match event:
            case ExecutionReport(exec_type=ExecType.TRADE, side=Side.BUY):
                position += Decimal(event.last_qty)
                offer = Decimal(bid) + Decimal(profit)
                client.submit(NewOrderSingle.limit(SYMBOL, Side.SELL, event.last_qty, offer))
            case ExecutionReport(exec_type=ExecType.TRADE, side=Side.SELL):
                position -= Decimal(event.last_qty)
            case Refused() | OrderUnknown():
                raise RuntimeError(event)
    client.cancel(buying)
    for event in client.reports(timeout=1):
        print(event)
    return position


# Nobody trades but the strategy and the test.
@pytest.mark.fix_engine(house=False)
def test_what_is_bought_is_offered_higher(fix_client: Client, fix_engine: SimulatedEngine) -> None:
    venue = fix_engine.venue
    fix_engine.later(10, lambda: venue.sell("0.004", "49000"))
    fix_engine.later(30, lambda: venue.buy("0.003", "49010"))
    assert trade(fix_client, "49000.00", "10", patience_s=60) == Decimal("0.001")
    assert [(one.side, one.price, one.quantity) for one in venue.trades] == [
        (Side.BUY, "49000.00000000", "0.00400000"),
        (Side.SELL, "49010.00000000", "0.00300000"),
    ]
    # The bid is gone, and what was not sold is still on offer.
    assert [(one.side, one.leaves_qty) for one in venue.orders] == [(Side.SELL, "0.00100000")]


def test_a_rejected_offer_leaves_the_position(
    fix_client: Client, fix_engine: SimulatedEngine
) -> None:
    fix_engine.venue.reject_when(lambda order: order.side == Side.SELL, text="Not now.")
    fix_engine.later(10, lambda: fix_engine.venue.fill(fix_engine.venue.orders[0]))
    assert trade(fix_client, "49000.00", "10", patience_s=60) == Decimal("0.010")


def test_it_stops_where_its_bid_is_unknown(fix_client: Client, fix_engine: SimulatedEngine) -> None:
    fix_engine.later(10, lambda: fix_engine.venue.fault("reset"))
    with pytest.raises(RuntimeError, match="connection lost"):
        trade(fix_client, "49000.00", "10", patience_s=60)
    assert len(fix_engine.venue.orders) == 1
