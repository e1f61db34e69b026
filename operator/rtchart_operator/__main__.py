"""``python -m rtchart_operator``."""

from rtchart_operator.command import main

main()
