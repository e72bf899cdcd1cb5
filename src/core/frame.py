"""One tidy frame: a row per published result, from contents tables of every age or from records, and back.

Columns: `id model precision revision model_type weight_type architecture params_b license likes available moe merged
flagged official chat_template co2_kg upload_date submission_date generation base_model family average`, then for each
benchmark k of the suite `k.raw` (0..1) and `k.score` (as published); where known also `scorer`, `result_path` and
`base_written` (the base model in the words of the table it came from). Unknown is missing (`isna()`) in every column.
`frame.attrs` holds `suite` (its name) and `notes` (sentences on what had to be left out or mended).
"""

from __future__ import annotations

from src.core.contents import EXTRAS, FIELDS, from_contents, suite_of, to_contents
from src.core.tables import read_table

__all__ = ["EXTRAS", "FIELDS", "from_contents", "read_table", "suite_of", "to_contents"]
