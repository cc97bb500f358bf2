"""Attempts and callbacks that run in this process: `dags test`, DebugExecutor."""
