"""What one turn of the loop does, each as a function over the scheduler's context."""
