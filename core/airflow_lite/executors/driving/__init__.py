"""What calls an executor: on a thread of its own, or on the thread of the loop."""
