"""What goes on beside the executor's thread: requests, and following the pods."""
