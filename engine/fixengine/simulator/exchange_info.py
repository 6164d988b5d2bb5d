"""What REST's exchangeInfo tells of a symbol: filters, and what may be done there."""

from __future__ import annotations

from typing import Any

from fixengine.fix.venues.binance import words
from fixengine.simulator.amending import AMENDS_MAX
from fixengine.simulator.checks import LISTS_MAX
from fixengine.simulator.instruments import UNIT, Instrument, text_of
from fixengine.simulator.orders import ICEBERG_PARTS_MAX, preventions


def symbol_object(instrument: Instrument) -> dict[str, Any]:
    """A symbol of exchangeInfo: what an engine needs of it."""
    lot, market_lot = instrument.lot, instrument.market_lot
    return {
        "symbol": instrument.symbol,
        "status": "TRADING",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quoteAssetPrecision": 8,
        "orderTypes": [*words.KINDS_OF_ORDER],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": False,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "isSpotTradingAllowed": True,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": text_of(instrument.price_min),
                "maxPrice": text_of(instrument.price_max),
                "tickSize": text_of(instrument.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": text_of(lot.quantity_min),
                "maxQty": text_of(lot.quantity_max),
                "stepSize": text_of(lot.step),
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": text_of(market_lot.quantity_min),
                "maxQty": text_of(market_lot.quantity_max),
                "stepSize": text_of(market_lot.step),
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": text_of(instrument.notional_min),
                "maxNotional": text_of(instrument.notional_max),
            },
            _percent_filter(instrument),
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": instrument.trailing_above[0],
                "maxTrailingAboveDelta": instrument.trailing_above[1],
                "minTrailingBelowDelta": instrument.trailing_below[0],
                "maxTrailingBelowDelta": instrument.trailing_below[1],
            },
            {"filterType": "ICEBERG_PARTS", "limit": ICEBERG_PARTS_MAX},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": instrument.orders_max},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": instrument.stops_max},
            {
                "filterType": "MAX_NUM_ICEBERG_ORDERS",
                "maxNumIcebergOrders": instrument.icebergs_max,
            },
            {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": LISTS_MAX},
            {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": AMENDS_MAX},
            *_position_filter(instrument),
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": [
            words.word(words.SELF_TRADE_PREVENTIONS, mode) for mode in preventions(instrument)
        ],
    }


def _percent_filter(instrument: Instrument) -> dict[str, Any]:
    """How far a price may be from the fair one."""
    found: dict[str, Any] = {"filterType": instrument.percent_filter, "avgPriceMins": 5}
    down, up = _multiplier(instrument.percent_down), _multiplier(instrument.percent_up)
    if instrument.percent_by_side is None:
        return found | {"multiplierDown": down, "multiplierUp": up}
    ask_down, ask_up = map(_multiplier, instrument.percent_by_side)
    found |= {"bidMultiplierDown": down, "bidMultiplierUp": up}
    return found | {"askMultiplierDown": ask_down, "askMultiplierUp": ask_up}


def _multiplier(hundredths: int) -> str:
    return text_of(hundredths * UNIT // 100)


def _position_filter(instrument: Instrument) -> list[dict[str, Any]]:
    most = instrument.position_max
    return [] if most is None else [{"filterType": "MAX_POSITION", "maxPosition": text_of(most)}]
