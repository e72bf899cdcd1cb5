"""Import files from anywhere: each format's reader makes the same records of them.

A new format is one module with a `READER` and its line in `READERS`.
"""
