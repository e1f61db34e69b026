"""``rtchart dead-letters``: what could not be used, in both places where it is kept."""
