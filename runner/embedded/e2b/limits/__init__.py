"""What a box may use, and who holds it to that."""
