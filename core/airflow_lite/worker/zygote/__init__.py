"""Processes that fork children. No store, no SQLAlchemy; the base zygote runs no user code."""
