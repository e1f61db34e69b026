"""The command line: ``rtchart COMMAND``. Each command is loaded when it is called, so an image carries its own service only."""

from __future__ import annotations

import importlib

import click

from rtchart import __version__

COMMANDS = {
    "up": ("rtchart.local.command", "Run everything on this machine: broker, database, all services."),
    "producer": ("rtchart.producer.command", "Read the exchange's 1-second klines and put them on Kafka."),
    "inserter": ("rtchart.inserter.command", "Batch klines from Kafka into PostgreSQL."),
    "aggregator": ("rtchart.aggregator.command", "Fold stored seconds into 1m and larger candles."),
    "web": ("rtchart.web.command", "Serve the page, the API and the live socket."),
    "backfill": ("rtchart.tools.backfill.command", "Fetch older history: the exchange's own 1m candles, or its archive's."),
    "migrate": ("rtchart.store.command", "Bring the database's schema to this version."),
    "doctor": ("rtchart.tools.doctor.command", "Check what rtchart stands on, and say what to do about each."),
    "verify": ("rtchart.tools.verify.command", "Compare what is stored with the exchange's own record."),
    "dead-letters": ("rtchart.tools.dead_letters.command", "List, show, replay or drop what could not be used."),
    "exchange": ("rtchart.sim.command", "Simulate the exchange: its WebSocket and REST on one port."),
}

_EXTRAS = {
    "backfill": "tools",
    "migrate": "store",
    "doctor": "tools",
    "verify": "tools",
    "dead-letters": "tools",
    "exchange": "sim",
}
"""Of the commands that are not named like theirs."""


class _Lazy(click.Group):
    """A group that imports a command's module, whose ``command`` it is, when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        try:
            command: click.Command = importlib.import_module(module).command
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith("rtchart"):
                raise
            raise click.ClickException(
                f"`rtchart {cmd_name}` needs the package {error.name!r}, which is not installed; "
                f"install it with: pip install 'rtchart[{extra(cmd_name)}]'"
            ) from None
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, so that `rtchart --help` needs no service's packages.
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def extra(command: str) -> str:
    """The extra of the distribution that a command needs."""
    return _EXTRAS.get(command, command)


@click.command(cls=_Lazy, context_settings={"show_default": True, "max_content_width": 100})
@click.version_option(__version__, prog_name="rtchart")
def main() -> None:
    """Live candlesticks from an exchange to a browser, kept whole.

    Every option is also an environment variable: --data-dir is RTCHART_DATA_DIR, for every command alike.
    """
