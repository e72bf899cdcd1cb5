"""What a run will need: memory, tokens, time and cost, on the machine at hand and on rented ones."""
