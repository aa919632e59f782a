"""What can go wrong with a model call: which errors the next model of a chain may cure, and how each one reads.

The types are langchain-core's, whatever the provider; one is added for what it does not name.
"""

from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)


class MalformedAnswerError(ModelAPIError):
    """The server's answer ended too early or cannot be read as the protocol: the server's fault, so the next may do."""


FALL_BACK_ON = (ModelRateLimitError, ModelTimeoutError, ModelConnectionError, ModelAPIError)
"""Another model may still answer after these. After any other error it would fail too, or hide a mistake of ours."""

_KINDS: tuple[tuple[type[ModelError], str], ...] = (
    (MalformedAnswerError, "unreadable answer"),
    (ModelRateLimitError, "rate limited"),
    (ModelTimeoutError, "no answer in time"),
    (ModelConnectionError, "cannot be reached"),
    (ModelAPIError, "server error"),
    (ModelAuthenticationError, "the key was refused"),
    (ModelPermissionDeniedError, "not permitted"),
    (ModelNotFoundError, "no such model or endpoint"),
    (ModelInvalidRequestError, "the request was refused"),
)


def describe(error: ModelError) -> str:
    """One line of at most 300 characters: the kind of error, the endpoint it came from, what the server said."""
    kind = next((text for of, text in _KINDS if isinstance(error, of)), "failed")
    request, body = getattr(error, "request", None), getattr(error, "body", None)
    where = f" ({request.url.copy_with(userinfo=b'')})" if request is not None else ""
    said = str((body.get("message") if isinstance(body, dict) else None) or error)
    hint = '; set structured_output = "function_calling" for this model' if "response_format" in said else ""
    return " ".join(f"{kind}{where}: {said[:200]}{hint}".split())[:300]
