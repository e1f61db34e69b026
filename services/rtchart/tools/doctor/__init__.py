"""``rtchart doctor``: a module for each dependency, in which what was read is judged apart from the reading."""
