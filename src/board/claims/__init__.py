"""What makers claim of their models, beside what the board measured."""
