"""What a person runs beside the services, each a command of its own: it looks, says what it found, and mends when told to."""
