"""Reading the log of a try, wherever it ran; nothing makes that fail."""
