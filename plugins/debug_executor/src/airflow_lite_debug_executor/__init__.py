"""DebugExecutor: tasks in the scheduler's own process."""
