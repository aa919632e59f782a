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

from threadloom.models.redaction import redact


class MalformedAnswerError(ModelAPIError):
    """The server's answer ended too early or cannot be read as the protocol: the server's fault, so the next may do."""


class CircuitOpenError(ModelConnectionError):
    """The endpoint was not asked, because it has failed several times in a row."""


FALL_BACK_ON = (ModelRateLimitError, ModelTimeoutError, ModelConnectionError, ModelAPIError)
"""Another model may still answer after these. After any other error it would fail too, or hide a mistake of ours."""

_KINDS: tuple[tuple[type[ModelError], str], ...] = (
    (MalformedAnswerError, "unreadable answer"),
    (CircuitOpenError, "not asked after repeated failures"),
    (ModelRateLimitError, "rate limited"),
    (ModelTimeoutError, "no answer in time"),
    (ModelConnectionError, "cannot be reached"),
    (ModelAPIError, "server error"),
    (ModelAuthenticationError, "the key was refused"),
    (ModelPermissionDeniedError, "not permitted"),
    (ModelNotFoundError, "no such model or endpoint"),
    (ModelInvalidRequestError, "the request was refused"),
)


def kind(error: ModelError) -> str:
    """What went wrong, in a few words."""
    return next((text for of, text in _KINDS if isinstance(error, of)), "failed")


def passing(error: Exception) -> bool:
    """For LangGraph's `retry_on`: whether to try again what the provider's SDK has not tried again by itself.

    LangGraph's own default repeats refused requests, since it does not know these types.
    """
    return isinstance(error, MalformedAnswerError) or isinstance(error.__cause__, MalformedAnswerError)


def describe(error: ModelError, key: str = "") -> str:
    """One line of at most 300 characters: the kind of error, the endpoint it came from, what the server said.

    `key` is the one the model is asked with; servers repeat it.
    """
    request, body = getattr(error, "request", None), getattr(error, "body", None)
    where = f" ({request.url.copy_with(userinfo=b'', query=None)})" if request is not None else ""
    said = redact(str((body.get("message") if isinstance(body, dict) else None) or error)[:2_000], key)
    hint = '; set structured_output = "function_calling" for this model' if "response_format" in said else ""
    return " ".join(f"{kind(error)}{where}: {said[:200]}{hint}".split())[:300]
