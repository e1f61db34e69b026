"""The watch over the Symbols of a namespace: kopf, in a thread and an event loop of its own.

Every event goes to the same place (`Watcher.see`), whether a Symbol was made, changed, or listed at the start: what to do about
it follows from its state, and not from what happened. So kopf keeps nothing on the resource: no annotation, and no finalizer
but for those whose data goes with them. Those have a handler of their deletion, and kopf adds the finalizer for that.

In a thread, because kopf ends all tasks of its event loop when it ends, and is begun again when the API server was away longer
than it bears.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import kopf

from rtchart_operator.api import GROUP, PLURAL, VERSION, credentials
from rtchart_operator.resource import Resource, resource

log = logging.getLogger(__name__)

PREFIX = "operator.rtchart.dev"
FINALIZER = "operator.rtchart.dev/delete-data"

RETRY = 5.0
"""Seconds after which a watch that ended is begun again."""
LOOK_AGAIN = 2.0
"""Seconds after which a deletion that is not finished is looked at again."""
SERVER_TIMEOUT, CLIENT_TIMEOUT = 300, 310
"""Seconds that one watch request lives: by the server's clock, and by ours if that is not heard."""
INACTIVITY = 70.0
"""Seconds without an event or a bookmark (the server sends one a minute) after which a watch is taken for dead."""


class Watcher(Protocol):
    """Who is told. Called in the event loop that `watch` was called in."""

    def see(self, seen: Resource) -> None:
        """There is such a Symbol."""

    def remove(self, uid: str, version: int) -> None:
        """A Symbol was deleted."""

    def ended(self, why: str) -> None:
        """The watch ended; it is begun again."""

    async def release(self, deleted: Resource) -> str:
        """Have a Symbol's data deleted, which is to go before the Symbol does; why it is not gone yet, empty when it is."""


class _NoRoutine(logging.Filter):
    """Leaves out what kopf says of a deletion that takes its time: an error, to it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not isinstance(record.exc_info and record.exc_info[1], kopf.TemporaryError) and "failed temporarily" not in (
            record.getMessage()
        )


async def watch(namespace: str, watcher: Watcher, *, retry: float = RETRY) -> None:
    """Watch until cancelled."""
    loop = asyncio.get_running_loop()
    # It tells of every event, and that signals are not its own here.
    logging.getLogger("kopf").setLevel(max(logging.ERROR, logging.getLogger().level))
    logging.getLogger("kopf.objects").addFilter(_NoRoutine())
    while True:
        stop, ended = threading.Event(), loop.create_future()
        thread = threading.Thread(target=_watch, args=(namespace, watcher, loop, stop, ended), name="watch", daemon=True)
        thread.start()
        try:
            why = await asyncio.shield(ended)
        finally:
            stop.set()
        log.warning("the watch ended, and is begun again: %s", why)
        watcher.ended(why)
        await asyncio.sleep(retry)


def _watch(
    namespace: str, watcher: Watcher, loop: asyncio.AbstractEventLoop, stop: threading.Event, ended: asyncio.Future[str]
) -> None:
    why = "kopf ended by itself"
    try:
        # Not uvloop: kopf is tested on asyncio's own loop, and its few events are not worth another one.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(
                kopf.operator(
                    registry=handlers(watcher, loop),
                    settings=settings(),
                    # Of no use to one that stands alone; but kopf's own needs the user's name, who has only a number in a pod.
                    identity="rtchart-operator",  # type: ignore[arg-type]
                    standalone=True,
                    clusterwide=False,
                    namespaces=[namespace],
                    stop_flag=stop,
                )
            )
    except BaseException as error:
        why = str(error) or repr(error)
    if not loop.is_closed():
        loop.call_soon_threadsafe(_tell, ended, why)


def _tell(ended: asyncio.Future[str], why: str) -> None:
    if not ended.done():
        ended.set_result(why)


def handlers(watcher: Watcher, loop: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
    """What kopf calls, and when."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo:
        return credentials(settings)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    def seen(type: str | None, body: kopf.Body, **_: Any) -> None:
        # As it came, for the other thread to read: two that make the first struct of a type at once crash msgspec (0.22).
        loop.call_soon_threadsafe(_tell_of, watcher, type, dict(body))

    @kopf.on.delete(GROUP, VERSION, PLURAL, registry=registry, when=takes_its_data)
    async def deleted(body: kopf.Body, **_: Any) -> None:
        releasing = asyncio.run_coroutine_threadsafe(_release(watcher, dict(body)), loop)
        if why := await asyncio.wrap_future(releasing):
            raise kopf.TemporaryError(why, delay=LOOK_AGAIN)

    return registry


def _tell_of(watcher: Watcher, kind: str | None, body: Mapping[str, Any]) -> None:
    found = resource(body)
    if kind == "DELETED":
        watcher.remove(found.uid, found.version)
    else:
        watcher.see(found)


async def _release(watcher: Watcher, body: Mapping[str, Any]) -> str:
    return await watcher.release(resource(body))


def takes_its_data(spec: Mapping[str, Any], **_: Any) -> bool:
    """Whether a Symbol's data goes with it: those alone have a finalizer."""
    return spec.get("deletionPolicy") == "Delete"


class _Backoffs:
    """Seconds between tries of a request, without an end: kopf's own are over after a minute without an API server."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.5, 1, 2)
        while True:
            yield 5


def settings() -> kopf.OperatorSettings:
    """kopf's settings, as far as they are not its defaults."""
    chosen = kopf.OperatorSettings()
    chosen.scanning.disabled = True  # which would want rights on namespaces and definitions of the whole cluster
    chosen.posting.enabled = False  # of log lines as Events: ours are of conditions that flip
    chosen.watching.server_timeout = SERVER_TIMEOUT
    chosen.watching.client_timeout = CLIENT_TIMEOUT
    chosen.watching.connect_timeout = 10
    chosen.watching.inactivity_timeout = INACTIVITY
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 10
    chosen.networking.error_backoffs = _Backoffs()
    chosen.persistence.finalizer = FINALIZER
    chosen.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=PREFIX)
    chosen.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=PREFIX)
    # Ten minutes after a watch that failed, it would kill the whole process, which goes on without.
    chosen.process.ultimate_exiting_timeout = None
    return chosen
