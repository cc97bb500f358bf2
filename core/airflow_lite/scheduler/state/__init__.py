"""What a scheduler has in hand: its memory, its settings, what runs beside its loop."""
