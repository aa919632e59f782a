"""Settings: environment over file over defaults, nothing unknown passes, errors are one line."""

import os
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from threadloom.models.roles import load_models
from threadloom.models.settings import ConfigError, LoomSettings, ModelEntry, ModelSettings


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working folder and no settings in the environment."""
    for name in os.environ:
        if name.startswith(("THREADLOOM_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    Path("threadloom.toml").write_text(text, encoding="utf-8")


class Press(LoomSettings):
    """Settings of a part of the house, as other modules have them."""

    table: ClassVar[str] = "run"
    db: str = "here"
    copies: int = 1


def test_defaults_then_file_then_environment_then_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Press().copies == 1
    write("[run]\ncopies = 2\ndb = 'there'\n[sources]\nmailto = 'me'\n")
    assert Press().copies == 2
    monkeypatch.setenv("THREADLOOM_COPIES", "3")
    assert (Press().copies, Press().db) == (3, "there")
    assert Press(copies=4).copies == 4


def test_a_named_file_is_read_instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write("[run]\ncopies = 2\n")
    (tmp_path / "other.toml").write_text("[run]\ncopies = 5\n")
    monkeypatch.setenv("THREADLOOM_CONFIG", str(tmp_path / "other.toml"))
    assert Press().copies == 5


WRONG = {
    "unknown table": ("[modles.x]\nmodel = 'a'\n", "unknown modles"),
    "unknown key": ("[run]\ncopys = 2\n", "run.copys: unknown key"),
    "wrong type": ("[run]\ncopies = 'many'\n", "run.copies: "),
    "not a table": ("run = 3\n", "run must be a table"),
    "not TOML": ("[run\n", "is not valid TOML"),
    "not text": ("\udcff", "is not valid TOML"),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_one_clear_line(text: str, says: str) -> None:
    Path("threadloom.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as caught:
        Press()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_named_file_that_cannot_be_read_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("THREADLOOM_CONFIG", name)
    with pytest.raises(ConfigError, match=r"^settings file \S+ cannot be read: [^\n]+$"):
        Press()


def test_every_wrong_model_setting_is_named() -> None:
    write("[models.strong]\nmodel = 'a'\ntimout = 3\ninput_price = -1\n[models.weak]\n")
    with pytest.raises(ConfigError) as caught:
        ModelSettings()
    for part in ("models.strong.timout: unknown key", "models.strong.input_price", "models.weak.model"):
        assert part in str(caught.value)


def test_a_secret_in_a_wrong_setting_is_not_repeated() -> None:
    write("[models.a]\nmodel = 'x'\napi_key = ['sk-secret']\n")
    with pytest.raises(ConfigError, match=r"models.a.api_key") as caught:
        ModelSettings()
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"


def test_no_settings_mean_the_extractive_model() -> None:
    models = load_models()
    assert models.is_extractive("planner")
    assert models.label("planner") == "extractive, no language model"


def test_a_key_alone_spends_no_money_and_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ModelSettings().hint() == ""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    settings = ModelSettings()
    assert load_models(settings).is_extractive("planner")
    assert "THREADLOOM_MODEL" in settings.hint()
    assert "secret" not in repr(settings)
    assert ModelSettings(model=("gpt",)).hint() == ""


def test_one_variable_names_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("THREADLOOM_MODEL", "gpt-5, gpt-4")
    models = load_models()
    assert models.names("planner") == ("gpt-5", "gpt-4")
    assert models.label("writer") == "gpt-5 (falls back to gpt-4)"


def test_tables_name_models_and_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        "[models.strong]\nmodel = 'big'\nbase_url = 'http://h/v1'\ninput_price = 2\noutput_price = 8\n"
        "[models.local]\nmodel = 'small'\nbase_url = 'http://l/v1'\n"
        "[roles]\nreader = ['local', 'strong', 'extractive']\n"
    )
    models = load_models()
    assert models.names("planner") == ("big", "small")
    assert models.label("reader") == "small (falls back to big, then extractive, no language model)"
    assert not models.is_extractive("reader")
    assert models.cost("strong", 1_000_000, 500_000) == pytest.approx(6.0)
    assert models.cost("local", 1, 1) is None
    assert models.cost("extractive", 1, 1) == 0.0
    monkeypatch.setenv("THREADLOOM_ROLES__WRITER", "strong,local")
    monkeypatch.setenv("THREADLOOM_MODELS__LOCAL__MODEL", "tiny")
    assert load_models().names("writer") == ("big", "tiny")
    assert load_models().extractive().is_extractive("writer")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[models.a]\nmodel = 'x'\nbase_url = 'http://h'\n[roles]\nreader = ['b']\n", "roles.reader: no model 'b'"),
        ("[roles]\nreader = []\n", "roles.reader: no model named"),
        ("[models.extractive]\nmodel = 'x'\n", "models.extractive: this name is kept"),
        ("[models.a]\nmodel = 'extractive'\n", "models.a.model: extractive is kept"),
        ("[models.a]\nmodel = 'x'\n", "model a needs a key: set OPENAI_API_KEY"),
        ("[models.a]\nmodel = 'x'\napi_key_env = 'NOT_SET_ANYWHERE'\n", "NOT_SET_ANYWHERE is not set"),
    ],
)
def test_what_does_not_fit_together_is_one_clear_line(text: str, says: str) -> None:
    write(text)
    with pytest.raises(ConfigError, match=says):
        load_models()


def test_a_model_nobody_uses_needs_no_key() -> None:
    write("[models.a]\nmodel = 'x'\n[models.b]\nmodel = 'y'\nbase_url = 'http://h'\n[roles]\ndefault = ['b']\n")
    assert load_models().names("planner") == ("y",)


ENDPOINTS: dict[str, tuple[dict[str, Any], tuple[str | None, str]]] = {
    "OpenAI": ({}, (None, "sk-openai")),
    "a named endpoint never sees OpenAI's key": ({"base_url": "http://h"}, ("http://h", "none")),
    "a key of its own": ({"base_url": "http://h", "api_key": "own"}, ("http://h", "own")),
    "a key in another variable": ({"base_url": "http://h", "api_key_env": "OTHER"}, ("http://h", "sk-other")),
}


@pytest.mark.parametrize(("entry", "expected"), ENDPOINTS.values(), ids=ENDPOINTS)
def test_which_key_goes_where(
    monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any], expected: tuple[str | None, str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("OTHER", "sk-other")
    complete = ModelSettings(models={"a": ModelEntry.model_validate({"model": "x", **entry})}).entries()["a"]
    assert complete.api_key is not None
    assert (complete.base_url, complete.api_key.get_secret_value()) == expected


def test_a_local_server_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:11434/v1")
    entry = ModelSettings(model=("llama3",)).entries()["llama3"]
    assert (entry.base_url, entry.api_key) == ("http://localhost:11434/v1", SecretStr("none"))
