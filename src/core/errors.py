"""What can go wrong, in the words of the person it happens to."""

from __future__ import annotations


class BoardError(Exception):
    """Anything this project refuses or cannot do; the message says what happened and what to do next."""


class BadInputError(BoardError):
    """A file, a field or a name that cannot be read as what it should be."""


class StoreError(BoardError):
    """A store did not do what it was asked."""


class NotFoundError(StoreError):
    """No such path, revision or repository."""


class DeniedError(StoreError):
    """The token does not allow it, or is missing."""


class ConflictError(StoreError):
    """The store moved on since the revision that `replace` expected."""


class BusyError(StoreError):
    """The store is working on another commit; the same call may succeed shortly."""


class ThrottledError(StoreError):
    """Too many calls: the store names the wait."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class UnknownOutcomeError(StoreError):
    """The call may or may not have landed (a time-out, a 5xx): look before repeating."""


class CorruptError(StoreError):
    """What was read is not what was written."""
