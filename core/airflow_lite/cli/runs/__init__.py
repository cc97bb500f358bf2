"""Runs that a command makes, follows or waits for: their conf, progress, and why they failed."""
