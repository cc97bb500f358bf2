"""User code runs here. No store: what a task asks for goes over a socket to its host."""
