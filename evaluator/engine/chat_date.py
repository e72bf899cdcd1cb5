"""The day that chat templates read: some print the date, so a prompt would change from day to day."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import Any

READS = "strftime_now"  # what a template that reads the clock calls


def fix(day: date) -> None:
    """Let every chat template of this process read `day` as today."""
    from transformers.utils import chat_template_utils

    class Fixed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return cls(day.year, day.month, day.day, 12, tzinfo=tz)

    setattr(chat_template_utils, "datetime", Fixed)  # noqa: B010  (a class, which a type checker keeps as it is)
