"""The executor inside the scheduler: on a thread of its own, or on the loop's."""
