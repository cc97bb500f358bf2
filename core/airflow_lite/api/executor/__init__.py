"""The contract of an executor: `BaseExecutor`, its events, what makes a class one."""
