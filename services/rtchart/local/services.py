"""The services of one machine, with the options each is given, and the order in which they stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rtchart.exchange.base import Venue
from rtchart.local.ports import LOOPBACK
from rtchart.local.supervisor import Service
from rtchart.sim.listing import KNOWN, is_pair
from rtchart.store.roles import ROLES

STOP_ORDER = (("producer", "web"), ("exchange", "inserter", "aggregator"))
"""What writes to Kafka ends before what reads from it; broker and database come last."""
SCRAPED = ("producer", "inserter", "aggregator", "web")


@dataclass(frozen=True)
class Setting:
    """What the services are pointed at."""

    venue: Venue
    kafka: str
    topic_prefix: str
    databases: Mapping[str, str]
    """URL for each of `rtchart.store.roles.ROLES`."""
    host: str
    port: int
    admin_ports: Mapping[str, int]
    """By service."""
    instance: str
    """Of this data folder, among all that share the Kafka."""
    log_level: str = "info"


def pipeline(setting: Setting) -> list[Service]:
    """The four services, in the order in which they start."""
    inserter, aggregator, web = (setting.databases[role] for role in ROLES)
    # JSON, because the supervisor reads what they say.
    logs = {"LOG_LEVEL": setting.log_level, "LOG_FORMAT": "json"}
    common = {"KAFKA": setting.kafka, "TOPIC_PREFIX": setting.topic_prefix, **logs}
    venue = {"EXCHANGE": setting.venue.name, "EXCHANGE_WS": setting.venue.ws, "EXCHANGE_REST": setting.venue.rest}
    own: dict[str, dict[str, str]] = {
        "producer": venue,
        # A name of its own, so that one started again takes over at once, without waiting for its old session to end.
        "inserter": {"DATABASE": inserter, "INSTANCE": setting.instance},
        "aggregator": {"DATABASE": aggregator},
        "web": {"DATABASE": web, "PORT": str(setting.port), "HOST": setting.host},
    }
    return [Service(name, {**common, **options, "ADMIN_PORT": str(setting.admin_ports[name])}) for name, options in own.items()]


def simulated_exchange(port: int, symbols: Iterable[str] = (), *, log_level: str = "info") -> Service:
    """The simulated exchange. It lists what is named like a pair, the symbols at once and others when they are asked for."""
    listed = [*KNOWN, *filter(is_pair, symbols)]
    options = {"HOST": LOOPBACK, "PORT": str(port), "SYMBOL": " ".join(listed), "LIST_ANY": "true"}
    return Service("exchange", {**options, "ADMIN_PORT": "0", "LOG_LEVEL": log_level, "LOG_FORMAT": "json"})
