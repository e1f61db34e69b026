"""The rows of Pipeline about what it runs on: the operator, the database, and the processes."""

from __future__ import annotations

from scripts.dashboards.alerted import good_until, limits
from scripts.dashboards.dashboard import Row
from scripts.dashboards.panels import Column, Query, Stat, Table, Timeseries, good_below
from scripts.dashboards.promql import of_services, per_minute, series
from scripts.dashboards.queries import quantiles

_BYTES = f"max by (namespace) ({series('rtchart_database_bytes')})"
_CAPACITY = f"max by (namespace) ({series('rtchart_database_capacity_bytes')})"
_CPU = f"rate({series('process_cpu_seconds_total')}[$__rate_interval])"

OPERATOR = Row(
    "Operator",
    (
        Timeseries(
            title="Passes over all Symbols",
            description="Time of a pass: publish (what is asked for), tell (conditions), sweep (a list of them all). Good: "
            "below a second; a pass that takes long delays what each Symbol says.",
            unit="s",
            queries=quantiles("rtchart_operator_reconcile_seconds", "pass"),
            logarithmic=True,
        ),
        Timeseries(
            title="Trouble with the API server",
            description="Calls that failed and were tried again, and watches that ended and were begun again, a minute. "
            "Good: hardly any; from the third watch that ends within a minute, /readyz says why. What streams goes on "
            "without it.",
            unit="cpm",
            queries=[
                Query(per_minute("rtchart_operator_api_failures_total"), "calls failed"),
                Query(per_minute("rtchart_operator_watch_ends_total"), "watches ended"),
            ],
        ),
        Timeseries(
            title="Told to Kubernetes",
            description="Statuses that were written, and Events that were made of flips, a minute. Good: few. Many are "
            "conditions that flip back and forth: see Symbols.",
            unit="cpm",
            queries=[
                Query(per_minute("rtchart_operator_status_writes_total"), "statuses"),
                Query(per_minute("rtchart_operator_events_total"), "events"),
            ],
        ),
    ),
)

MACHINES = Row(
    "Database and processes",
    (
        Timeseries(
            title="Database",
            description="What the database has on its disk, and that disk's size where it is known. Good: flat once the "
            "oldest seconds are past their retention, and far below the disk's size.",
            unit="bytes",
            queries=[Query(_BYTES, "used {{namespace}}"), Query(_CAPACITY, "disk {{namespace}}")],
            width=9,
        ),
        Stat(
            title="Disk used",
            description="Share of the disk that the database has, where its size is known. Good: below "
            f"{100 * limits('RtchartDatabaseFills')['warning']:g} %. Shorter klineHours, or a larger disk.",
            unit="percentunit",
            queries=[Query(f"max({_BYTES} / {_CAPACITY})")],
            height=8,
            steps=good_until("RtchartDatabaseFills"),
            nothing="size not known",
        ),
        Table(
            title="Versions that run",
            description="Processes by service and version, and how long the youngest of them runs. Good: one version. A "
            "process that is young and was not deployed was started again: see why it ended.",
            unit="short",
            queries=[
                Query(f"count by (namespace, service, version, python) ({series('rtchart_build_info')})"),
                Query(of_services("min", f"(time() - {series('process_start_time_seconds')})")),
            ],
            columns=(
                Column("namespace", "Namespace"),
                Column("service", "Service"),
                Column("version", "Version"),
                Column("python", "Python"),
                Column("A", "Processes", "short"),
                Column("B", "Youngest", "s"),
            ),
            sort="Service",
            rising=True,
        ),
        Timeseries(
            title="Processors used",
            description="Processors that all processes of a service use together. Good: below what they are given; "
            "docs/sizing.md says what a symbol and a viewer cost.",
            unit="short",
            queries=[Query(of_services("sum", _CPU), "{{service}} {{namespace}}")],
            width=6,
        ),
        Timeseries(
            title="Busiest process",
            description="Processors that the busiest process of each service uses. A process does its work in one thread. "
            "Good: below the dashed line; above it, latency grows.",
            unit="short",
            queries=[Query(of_services("max", _CPU), "{{service}} {{namespace}}")],
            width=6,
            steps=good_below(0.8),
        ),
        Timeseries(
            title="Memory",
            description="Memory that all processes of a service have. Good: flat for hours, below their limits.",
            unit="bytes",
            queries=[Query(of_services("sum", series("process_resident_memory_bytes")), "{{service}} {{namespace}}")],
            width=6,
        ),
        Timeseries(
            title="Files open",
            description="Share of the files that a process may have open, of the process of each service that has most. "
            "Sockets are files. Good: below the dashed line.",
            unit="percentunit",
            queries=[
                Query(
                    of_services("max", f"({series('process_open_fds')} / {series('process_max_fds')})"),
                    "{{service}} {{namespace}}",
                )
            ],
            width=6,
            steps=good_below(0.8),
        ),
    ),
)
