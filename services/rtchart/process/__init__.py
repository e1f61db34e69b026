"""What every service needs around its loop: settings, logs, signals, liveness, readiness and metrics."""
