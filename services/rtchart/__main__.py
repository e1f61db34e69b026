"""``python -m rtchart``."""

from rtchart.cli import main

main(prog_name="rtchart")
