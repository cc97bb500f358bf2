"""Reading the log of a try, wherever it ran; an error on the way becomes a line of the output."""
