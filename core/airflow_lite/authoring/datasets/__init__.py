"""Datasets, as authors write them and as tasks see their events."""
