"""``rtchart web``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from rtchart.broker import options as kafka_options
from rtchart.broker.cluster import Cluster
from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.run import Process, run
from rtchart.process.tracing import open_traces
from rtchart.store import options as database_options
from rtchart.store.migrate import schema_if_there
from rtchart.web import tokens as bearer
from rtchart.web.addresses import ROWS, Limits, networks
from rtchart.web.admission import Framers, Origins, Rules
from rtchart.web.service import Settings, serve
from rtchart.web.tokens import Tokens


def _limited(
    max_sockets_per_address: int, max_subscriptions_per_address: int, max_requests_per_address: int, trusted_proxies: str
) -> Limits:
    return Limits(max_sockets_per_address, max_subscriptions_per_address, max_requests_per_address, networks(trusted_proxies))


_limits = options.collected(
    "limits",
    _limited,
    options.option(
        "--max-sockets-per-address",
        Limits().sockets,
        type=click.IntRange(min=0),
        help="Sockets that one address (of IPv6, a /64) may have; more are refused with 429. 0: no limit.",
    ),
    options.option(
        "--max-subscriptions-per-address",
        Limits().subscriptions,
        type=click.IntRange(min=0),
        help="Subscriptions that all sockets of an address may have together. 0: no limit.",
    ),
    options.option(
        "--max-requests-per-address",
        int(Limits().requests),
        type=click.IntRange(min=0),
        help="Requests a second of the API that an address may send, after a burst of ten times as many; of history, each "
        f"{ROWS} rows are one more. More are refused with 429, and snapshots of the socket wait. 0: no limit.",
    ),
    options.option(
        "--trusted-proxies",
        "",
        metavar="CIDR[,…]",
        help="Networks of the proxies before the server: what these write in X-Forwarded-For is who asks.",
    ),
)
_framers = options.collected(
    "framers",
    Framers.of,
    options.option(
        "--frame-ancestors",
        multiple=True,
        metavar="SOURCE",
        help="Pages of this source (https://example.org, https://*.example.org, 'self') may show /embed in a frame; "
        "repeatable; * for all.",
    ),
)
_tokens = options.collected(
    "tokens",
    bearer.given,
    options.option(
        "--token",
        metavar="TEXT",
        help="API and socket are for those who have this token; several, one a line. On the command line everybody on the "
        "machine can read it.  [default: for everybody]",
    ),
    options.option("--token-file", type=click.Path(path_type=Path), metavar="FILE", help="A file that holds the tokens."),
)


@click.command("web")
@kafka_options.cluster("rtchart-web")
@database_options.database
@options.option("--host", "127.0.0.1", help="Address to serve on; 0.0.0.0: every one.")
@options.option("--port", 8000, type=click.IntRange(0, 65535), help="Port; 0: a free one.")
@options.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    help="Pages of this origin (https://example.org) may use API and socket; repeatable; * for all.",
)
@_framers
@options.option(
    "--max-connections",
    Rules().max_connections,
    type=click.IntRange(1, 1_000_000),
    help="Sockets open at once, as far as the limit of open files goes; more are refused with 503.",
)
@_limits
@_tokens
@options.otlp_endpoint
@options.service
def command(
    cluster: Cluster,
    database: str,
    host: str,
    port: int,
    allow_origin: tuple[str, ...],
    framers: Framers,
    max_connections: int,
    limits: Limits,
    tokens: Tokens,
    otlp_endpoint: str | None,
    process: Process,
) -> None:
    """Serve the page, the API (/api/v1) and the live socket (/ws).

    Every replica reads all of Kafka's partitions, so run as many as you like. It only reads the database, and serves what
    is live while that is away.
    """
    settings = Settings(database, host, port, Rules(Origins.of(allow_origin), tokens, limits, max_connections, framers))

    async def service(health: Health, stopping: asyncio.Event) -> None:
        if process.wait:
            # A new release takes over from the old one when it can show what is stored, not before.
            await schema_if_there(database, service="web")
        with open_traces("web", otlp_endpoint) as traces:
            await serve(cluster, settings, health, stopping, traces=traces)

    run("web", service, process)
