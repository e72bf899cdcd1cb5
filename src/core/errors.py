"""What can go wrong, in the words of the person it happens to."""

from __future__ import annotations


class BoardError(Exception):
    """Anything this project refuses or cannot do; the message says what happened and what to do next."""


class BadInput(BoardError):
    """A file, a field or a name that cannot be read as what it should be."""


class IllegalMove(BoardError):
    """A request was asked to go where `lifecycle.MOVES` does not lead."""


class StoreError(BoardError):
    """A store did not do what it was asked."""


class NotFound(StoreError):
    """No such path, revision or repository."""


class Denied(StoreError):
    """The token does not allow it, or is missing."""


class Conflict(StoreError):
    """The store moved on since the revision that `replace` expected."""


class Busy(StoreError):
    """The store is working on another commit; the same call may succeed shortly."""


class Throttled(StoreError):
    """Too many calls: the store names the wait."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class Unknown(StoreError):
    """The call may or may not have landed (a time-out, a 5xx): look before repeating."""


class Corrupt(StoreError):
    """What was read is not what was written."""
