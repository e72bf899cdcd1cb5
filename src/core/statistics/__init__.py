"""How sure a number is: pure functions over numpy arrays, one module a concept.

One model:   intervals (item scores), approximate (counts), subset (100 items), conformal (option probabilities)
Two models:  paired (on the same items), relative (to a base model, within a size class)
A table:     table (all at once), ranks, aggregate, robustness, health, pareto
Votes:       votes
"""
