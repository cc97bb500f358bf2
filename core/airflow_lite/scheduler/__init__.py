"""What decides which task runs when: three pure functions, and the loop that acts on them."""
