"""A made-up board, small and complete: what the first run shows, what tests and screenshots use.

`python -m src.sample` writes it to `assets/sample`, the same bytes every time. No model in it exists; its questions are
made up too. It holds every case a page must be able to show: several precisions and revisions of one model, merges,
fine-tunes of fine-tunes, models that are gone or flagged, partial runs, unknown facts, long names, scores at chance.
"""
