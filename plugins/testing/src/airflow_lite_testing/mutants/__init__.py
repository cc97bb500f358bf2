"""Executors that are wrong on purpose, each in one way, so that the kit can be shown to see it."""
