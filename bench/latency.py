"""Frame received → socket at 1,500 symbols, against the bare way producer → Kafka → consumer.

Both follow the same simulated exchange, which ends every symbol's second at the same moment, on the same broker and the same
cores, in turns within one run: bare, ours, bare, … Both begin when the bytes of a frame are read from the exchange's socket.
The bare way ends when its consumer holds the record (`bench.latency_bare`). Ours ends when the candle's bytes are read from a
client's socket: sockets that together subscribe every symbol's forming 1m candle, so each kline is checked, accounted for,
published, read, folded, encoded and sent on in between (`bench.latency_ours`). Frames are decoded after the measurement.
"""

from __future__ import annotations

import argparse

import psutil
import uvloop

from bench.latency_bare import Bare, bare
from bench.latency_ours import Ours, ours
from bench.processes import running
from bench.surroundings import Surroundings, introduced, surroundings, want
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import Topic
from rtchart.local.ports import free_ports

WARM_UP = 5.0
"""Seconds of each turn that are not counted."""

BARE = Topic("bare", 12)


class Stage:
    """What is measured, on the surroundings that both ways have."""

    def __init__(self, there: Surroundings) -> None:
        self._there = there
        self._bootstrap = there.kafka.bootstrap
        assert there.kafka.child is not None
        self._others = {"exchange": there.exchange.pid, "broker": there.kafka.child.pid}
        self.bare: list[Bare] = []
        self.ours: list[Ours] = []
        self.resident = 0
        """Bytes of the web's memory at the end of its last turn."""

    async def bare_turn(self, seconds: float) -> None:
        """Measure the bare way."""
        there = self._there
        found = await bare(there.ws, self._bootstrap, BARE.name, there.symbols, WARM_UP, seconds, others=self._others)
        self.bare.append(found)

    async def our_turn(self, seconds: float) -> None:
        """Start our services, and measure them. Each time on topics of its own: nothing is there to be repaired."""
        there = self._there
        web, admin = free_ports(2)
        cluster = Cluster(self._bootstrap, f"turn-{web}.")
        await want(cluster, there.symbols)
        kafka = ("--kafka", self._bootstrap, "--topic-prefix", cluster.prefix)
        async with (
            running(
                there.folder / "producer.log",
                *("-m", "rtchart", "producer", *there.venue, *kafka, "--instance", "bench", "--admin-port", str(admin)),
                ready=f"http://127.0.0.1:{admin}/readyz",
            ) as producing,
            running(
                there.folder / "web.log",
                *("-m", "rtchart", "web", "--port", str(web), *kafka, "--database", there.postgres.url(user="rtchart_web")),
                ready=f"http://127.0.0.1:{web}/readyz",
            ) as serving,
        ):
            await introduced(f"http://127.0.0.1:{web}", len(there.symbols))
            others = {**self._others, "producer": producing.pid, "web": serving.pid}
            self.ours.append(await ours(f"ws://127.0.0.1:{web}", there.symbols, WARM_UP, seconds, others=others))
            self.resident = psutil.Process(serving.pid).memory_info().rss

    def report(self) -> None:
        """Print what was found."""
        stamps = [stamp for turn in self.ours for stamp in turn.stamps]
        found = {
            "bare producer → Kafka → consumer": [latency for turn in self.bare for latency in turn.latencies],
            "frame received → socket": [(stamp.read_us - stamp.received_us) / 1000 for stamp in stamps],
        }
        for label, latencies in found.items():
            print(f"  {label:34} {_figures(latencies)}   ({len(latencies)} klines)")
        bare_latencies, our_latencies = found.values()
        for share in (0.5, 0.99):
            ratio = _percentile(our_latencies, share) / _percentile(bare_latencies, share)
            print(f"  ratio p{share * 100:g}: {ratio:.2f} (goal ≤ 1.5)")
        stages = {
            "received → published": [stamp.published_us - stamp.received_us for stamp in stamps],
            "published → consumed": [stamp.consumed_us - stamp.published_us for stamp in stamps],
            "consumed → socket": [stamp.read_us - stamp.consumed_us for stamp in stamps],
        }
        for label, took in stages.items():
            print(f"    {label:32} {_figures([us / 1000 for us in took])}")
        for label, turns in (("bare", [turn.cpu_us for turn in self.bare]), ("ours", [turn.cpu_us for turn in self.ours])):
            least = {name: min(turn[name] for turn in turns) for name in turns[0]}
            each = ", ".join(f"{name} {us:.0f}" for name, us in least.items())
            print(f"  CPU µs per kline, {label}: {sum(least.values()):.0f} ({each})")
        frames = sum(turn.frames for turn in self.ours)
        print(f"  {len(stamps) / frames:.0f} candles a frame; the web's resident memory {self.resident / 2**20:.0f} MB")


def _figures(latencies: list[float]) -> str:
    return f"p50 {_percentile(latencies, 0.5):7.2f} ms   p99 {_percentile(latencies, 0.99):7.2f} ms"


def _percentile(latencies: list[float], share: float) -> float:
    return sorted(latencies)[min(len(latencies) - 1, int(len(latencies) * share))]


async def main(symbols_count: int, seconds: float, rounds: int) -> None:
    async with surroundings(symbols_count) as there:
        await ensure_topics(Cluster(there.kafka.bootstrap), (BARE,))
        stage = Stage(there)
        await stage.bare_turn(seconds / 2)
        for number in range(rounds):
            await stage.our_turn(seconds)
            await stage.bare_turn(seconds / (1 if number + 1 < rounds else 2))
    print(f"latency, {len(there.symbols)} symbols, {rounds} × {seconds:g} s each way, in turns")
    stage.report()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=1500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.symbols, arguments.seconds, arguments.rounds))
