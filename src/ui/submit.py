"""Submitting a model: one column, each answer checked when it is left, and the queue's own entry at the end."""
