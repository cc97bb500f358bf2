"""Sensors that wait for files, commands and moments."""
