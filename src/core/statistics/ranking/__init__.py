"""Ranks with their ranges: from errors, from shared items, in tiers, under other weights."""
