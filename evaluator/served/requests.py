"""What a child may ask a server for, and the most that such a request can cost. A child's request is a stranger's."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from evaluator.served.endpoints import Endpoint
from src.core.errors import BadInputError

PROMPTS = {"chat": "messages", "completions": "prompt"}
ALLOWED = {
    "model", "max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "frequency_penalty",
    "presence_penalty", "repetition_penalty", "logprobs", "echo", "reasoning_effort", "chat_template_kwargs",
    "thinking", "reasoning",
}  # fmt: skip
"""Fields besides the prompt. No `n`, `best_of`, `tools` or `stream`: their price has no bound here."""
MOST_TOKENS = 1_000_000
OVERHEAD, OF_MESSAGE = 512, 16
"""Tokens that a server's template adds to a request, and to each message, at most."""


def checked(payload: Any, endpoint: Endpoint) -> dict[str, Any]:
    """Return a request for this endpoint's model. Raise BadInputError if a child may not make it."""
    if not isinstance(payload, dict):
        raise BadInputError("A request is not a JSON object.")
    prompt = PROMPTS[endpoint.kind]
    if unknown := sorted(payload.keys() - ALLOWED - {prompt}):
        raise BadInputError(f"A request to a server may not have the field {unknown[0]}.")
    most = payload.get("max_tokens")
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= MOST_TOKENS:
        raise BadInputError("A request to a server must limit the tokens of its answer with max_tokens.")
    if not _is_prompt(payload.get(prompt), endpoint):
        raise BadInputError(f"A request to a server must have one prompt in {prompt}.")
    fields = {name: value for name, value in payload.items() if value is not None}
    return fields | {"model": endpoint.model}


def generates(payload: Mapping[str, Any]) -> bool:
    """Return whether a request is for a text, and not for the log-likelihood of a given one."""
    return not payload.get("echo")


def most_dollars(payload: Mapping[str, Any], endpoint: Endpoint) -> Decimal | None:
    """Return the most that a request can cost; None if the price is unknown.

    No tokenizer gives a text more tokens than it has bytes; a list of tokens has as many as it is long.
    """
    prompt = payload[PROMPTS[endpoint.kind]]
    tokens = OVERHEAD + sum(_most_tokens(part) for part in _parts(prompt))
    return endpoint.cost(tokens, payload["max_tokens"])


def _is_prompt(prompt: Any, endpoint: Endpoint) -> bool:
    if endpoint.kind == "chat":
        return (
            isinstance(prompt, list)
            and bool(prompt)
            and all(isinstance(each, dict) and each.keys() <= {"role", "content", "type"} for each in prompt)
            and all(isinstance(value, str) for each in prompt for value in each.values())
        )
    if isinstance(prompt, list) and len(prompt) == 1:  # the harness sends batches of one
        prompt = prompt[0]
    return isinstance(prompt, str) or (
        isinstance(prompt, list) and bool(prompt) and all(isinstance(token, int) for token in prompt)
    )


def _parts(prompt: Any) -> list[Any]:
    """Return the messages of a chat, the prompts of a batch, or the one prompt."""
    return prompt if isinstance(prompt, list) and not isinstance(prompt[0], int) else [prompt]


def _most_tokens(part: Any) -> int:
    if isinstance(part, str):
        return len(part.encode("utf-8", "surrogatepass"))
    if isinstance(part, dict):
        return OF_MESSAGE + sum(_most_tokens(value) for value in part.values())
    return len(part)
