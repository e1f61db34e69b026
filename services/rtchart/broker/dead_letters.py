"""Writing the topic of what could not be used."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import DEAD_LETTERS
from rtchart.core.messages import DeadLetter, encode
from rtchart.process.logs import fields

log = logging.getLogger(__name__)


async def publish(producer: AIOKafkaProducer, cluster: Cluster, letters: Iterable[DeadLetter]) -> None:
    """Send letters and wait for Kafka's acknowledgement. One that it does not take is logged, and no reason to stop."""
    try:
        sent = [
            await producer.send(
                cluster.name(DEAD_LETTERS),
                encode(letter),
                key=f"{letter.exchange}:{letter.symbol}".encode() if letter.symbol else None,
            )
            for letter in letters
        ]
        for delivery in sent:
            await delivery
    except KafkaError as error:
        log.error("a dead letter was not published", extra=fields(error=repr(error)))
