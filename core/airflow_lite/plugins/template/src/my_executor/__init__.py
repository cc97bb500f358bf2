"""MyExecutor: each task as a process of its own."""
