"""``GET /api/v3/exchangeInfo``: what is listed, with its filters (Binance, REST API, Exchange information)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rtchart.sim.figures import DECIMALS, text
from rtchart.sim.listing import Listing, Status

_MOST = "9000000.00000000"


def exchange_info(listed: Iterable[tuple[Listing, Status]], *, server_time: int, weight_limit: int) -> dict[str, Any]:
    """The whole answer; ``server_time`` in the unit that was asked for."""
    return {
        "timezone": "UTC",
        "serverTime": server_time,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(listing, status) for listing, status in listed],
    }


def _symbol(listing: Listing, status: Status) -> dict[str, Any]:
    tick = text(10 ** (DECIMALS - listing.price_decimals))
    step = text(10 ** (DECIMALS - listing.lot_decimals))
    return {
        "symbol": listing.symbol,
        "status": status,
        "baseAsset": listing.base_asset,
        "baseAssetPrecision": DECIMALS,
        "quoteAsset": listing.quote_asset,
        "quotePrecision": DECIMALS,
        "quoteAssetPrecision": DECIMALS,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": _MOST, "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": _MOST, "stepSize": step},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }
