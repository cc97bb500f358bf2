"""Executors whose fault is what happens when they are imported."""
