"""Binance Spot's second sources as data: hosts, what each read costs, limits, codes.

Source: REST and stream notes, sections 2, 4, 5 and 7, as of 2026-07-21.
"""

from __future__ import annotations

from fixengine.fix.venue import Call, Stream, Web, Window
from fixengine.fix.venues.binance.rules import SECOND_NS

ROWS_MAX = 1000

WEB = Web(
    hosts={
        "production": "api.binance.com",
        "testnet": "testnet.binance.vision",
        "demo": "demo-api.binance.com",
    },
    port=443,
    calls={
        "time": Call("/api/v3/time", 1, signed=False),
        "exchangeInfo": Call("/api/v3/exchangeInfo", 20, signed=False),
        "openOrders": Call("/api/v3/openOrders", 80, lighter=("symbol", 6)),
        "order": Call("/api/v3/order", 4),
        "allOrders": Call("/api/v3/allOrders", 20, rows_max=ROWS_MAX),
        "myTrades": Call("/api/v3/myTrades", 20, lighter=("orderId", 5), rows_max=ROWS_MAX),
        "myAllocations": Call("/api/v3/myAllocations", 20, rows_max=ROWS_MAX),
        "account": Call("/api/v3/account", 20),
    },
    weights=Window(6000, 60 * SECOND_NS, "1 MINUTE"),
    requests=Window(300_000, 300 * SECOND_NS, "5 MINUTE"),
    weight_header="X-MBX-USED-WEIGHT-1M",
    key_header="X-MBX-APIKEY",
    recv_window_ms=5000,
    clock_code=-1021,
    stream=Stream(
        hosts={
            "production": "ws-api.binance.com",
            "testnet": "ws-api.testnet.binance.vision",
            "demo": "demo-ws-api.binance.com",
        },
        port=443,
        path="/ws-api/v3",
        connect_weight=2,
        call_weight=2,
        connections=Window(300, 300 * SECOND_NS, "5 MINUTE"),
        ping_ns=20 * SECOND_NS,
        pong_ns=60 * SECOND_NS,
        life_ns=86_400 * SECOND_NS,
        # Not documented; what it is of the drop copy.
        lag_ns=SECOND_NS,
    ),
)
