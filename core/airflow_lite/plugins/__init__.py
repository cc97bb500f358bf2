"""Installed distributions that add executors, commands, options and listeners."""
