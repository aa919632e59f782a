"""Roles: who plays them, how they are built, and what is not loaded until it is needed."""

import subprocess
import sys

from threadloom.models.openai import ChatCompatible
from threadloom.models.roles import Models
from threadloom.models.settings import ModelEntry

ENTRIES = {
    name: ModelEntry.model_validate({"model": f"{name}-1", "base_url": "http://h/v1", "api_key": "none", **options})
    for name, options in (("a", {}), ("b", {}), ("c", {"max_retries": 5}))
}


def retries(models: Models, role: str) -> list[int | None]:
    chat = models.chat(role)
    chain = [chat] if isinstance(chat, ChatCompatible) else [chat.runnable, *chat.fallbacks]  # type: ignore[union-attr]
    return [model.max_retries for model in chain if isinstance(model, ChatCompatible)]


def test_only_the_last_of_a_chain_waits_and_asks_again() -> None:
    models = Models(ENTRIES, {"default": ("a",), "reader": ("a", "b"), "writer": ("c", "b", "a")})
    assert retries(models, "planner") == [2]
    assert retries(models, "reader") == [0, 2]
    assert retries(models, "writer") == [5, 0, 2]


def test_an_unknown_role_is_played_by_default() -> None:
    models = Models(ENTRIES, {"default": ("b", "a")})
    assert models.names("juggler") == ("b-1", "a-1")
    assert models.label("juggler") == "b-1 (falls back to a-1)"
    assert models.players("juggler") is models.players("juggler")


def test_the_provider_is_not_imported_without_a_model_of_it() -> None:
    code = (
        "import sys; from threadloom.models.structured import ask; from threadloom.models.roles import Models; "
        "Models().chat('planner'); sys.exit('langchain_openai' in sys.modules or 'openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
