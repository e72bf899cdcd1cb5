"""Why evaluations fail, what to tell people, and how often to try again by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class FailureKind:
    """One class of failure. `tries` counts runs in all; the second waits for `wait`, each later one twice as long.

    `advice`: what to do once it is not tried again by itself.
    """

    title: str
    advice: str
    tries: int = 1
    wait: timedelta = timedelta(0)


FAILURES: dict[str, FailureKind] = {
    "refused": FailureKind("The model was refused.", "Mend what the message names and submit the new revision."),
    "not-found": FailureKind("The model is gone or private.", "Make it public again, then press retry."),
    "gated": FailureKind("The model is gated.", "Give this board access, then press retry."),
    "too-large": FailureKind("The model does not fit.", "It needs a larger box or a lower precision."),
    "load-failed": FailureKind("The weights do not load.", "Check that `from_pretrained` works on this revision."),
    "unfit-weights": FailureKind(
        "The weights do not fit the model.",
        "Save the model again with `save_pretrained`, so that no tensor is missing, and submit the new revision.",
    ),
    "out-of-memory": FailureKind("Memory ran out.", "Submit a lower precision.", 2, timedelta(minutes=1)),
    "timed-out": FailureKind("It took too long.", "Ask the operator for a longer limit.", 2, timedelta(minutes=1)),
    "not-finite": FailureKind("The model answers with NaN.", "Check the weights, or submit another precision."),
    "harness": FailureKind("The harness stopped with an error.", "Read the log; press retry once it is mended."),
    "crashed": FailureKind("The evaluation crashed.", "The log shows what happened.", 3, timedelta(minutes=5)),
    "download-failed": FailureKind("The download broke off.", "Press retry another day.", 3, timedelta(minutes=10)),
    "publish-failed": FailureKind(
        "The results could not be stored.", "The operator has to look at the store.", 3, timedelta(minutes=10)
    ),
    "disk-full": FailureKind("The box ran out of disk.", "The operator has to make room.", 2, timedelta(hours=1)),
    "over-limit": FailureKind(
        "It used more than a run may.", "The message says what of; the operator sets the limits."
    ),
    "server": FailureKind(
        "The server did not answer.", "Look at the server, then press retry.", 3, timedelta(minutes=10)
    ),
    "budget": FailureKind(
        "The budget is used up.", "Its operator sets a higher one, then presses retry: no answer is paid for twice."
    ),
    "box": FailureKind("The box was not ready.", "Its owner has to mend it.", 3, timedelta(minutes=10)),
    "lost": FailureKind(
        "Every box that took it went away without a word.",
        "The model may crash the machine: run `python -m evaluator once` on it yourself, then press retry.",
    ),
    "unknown": FailureKind("Something failed that has no name yet.", "Read the log.", 2, timedelta(minutes=5)),
}


AGAIN = "It is tried again by itself."


def failure(code: str) -> FailureKind:
    """Return the class behind a code; of one that nobody knows, `unknown`."""
    return FAILURES.get(code, FAILURES["unknown"])


def next_attempt(code: str, failed_before: int) -> timedelta | None:
    """Return how long to wait before trying again by itself; None: not.

    `failed_before`: earlier failures of this code.
    """
    known = failure(code)
    return None if failed_before + 1 >= known.tries else known.wait * 2**failed_before
