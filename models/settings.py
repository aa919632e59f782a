"""Settings: environment variables `THREADLOOM_*` first, then `threadloom.toml` in the working folder.

Every part of the house reads its own table of the same file through a subclass of `LoomSettings`; a key that nobody
reads is an error, so a misspelt setting cannot pass for a default.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

FILE = "threadloom.toml"
TOP_LEVEL = ("model", "models", "roles", "run", "sources", "tools", "web")
EXTRACTIVE = "extractive"
"""Reserved name of the embedded model that needs no key and no network."""


class ConfigError(Exception):
    """A setting is wrong; the text is one line that says which and what to do."""


class LoomSettings(BaseSettings):
    """Base of all settings: environment over file over defaults. Raises ConfigError.

    `table` names the part of the file a subclass reads; without one it reads the top-level keys that are its fields.
    Environment variables are `THREADLOOM_<FIELD>`, nested ones `THREADLOOM_<FIELD>__<KEY>`, whatever the table.
    """

    table: ClassVar[str] = ""
    model_config = SettingsConfigDict(
        env_prefix="THREADLOOM_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = (_problem(self.table, problem) for problem in error.errors(include_input=False))
            raise ConfigError(f"settings: {'; '.join(problems)}") from error
        except SettingsError as error:
            raise ConfigError(f"settings: {error}") from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from, strongest first."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=cls._from_file())

    @classmethod
    def _from_file(cls) -> dict[str, Any]:
        content = read_file()
        if not cls.table:
            return {key: value for key, value in content.items() if key in cls.model_fields}
        values = content.get(cls.table, {})
        if not isinstance(values, dict):
            raise ConfigError(f"settings: {cls.table} must be a table: [{cls.table}]")
        return values


def read_file() -> dict[str, Any]:
    """Content of the settings file: the one THREADLOOM_CONFIG names, else `threadloom.toml` here, else nothing.

    Raises ConfigError when a named file is missing, the file is not TOML, or a top-level key is unknown.
    """
    named = os.environ.get("THREADLOOM_CONFIG")
    path = Path(named or FILE)
    if not named and not path.exists():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"settings file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"settings file {path} is not valid TOML: {error}") from error
    if unknown := sorted(content.keys() - set(TOP_LEVEL)):
        raise ConfigError(f"settings file {path}: unknown {', '.join(unknown)}; known: {', '.join(TOP_LEVEL)}")
    return content


def _problem(table: str, problem: Any) -> str:
    """`run.style: Input should be …` out of one of pydantic's error records."""
    where = ".".join(str(part) for part in (table, *problem["loc"]) if part != "")
    what = "unknown key" if problem["type"] == "extra_forbidden" else problem["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what


def _split(value: object) -> object:
    """A chain as one writes it in an environment variable: names separated by commas."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


Chain = Annotated[tuple[str, ...], BeforeValidator(_split)]


class ModelEntry(BaseModel):
    """One model behind an OpenAI-compatible endpoint: a table `[models.<name>]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    model: str = Field(min_length=1, description="The model's id at its provider")
    base_url: str | None = Field(default=None, description="Endpoint; by default OPENAI_BASE_URL or OpenAI's own")
    api_key: SecretStr | None = None
    api_key_env: str | None = Field(default=None, description="Environment variable that holds the key")
    timeout: float = Field(
        default=120, gt=0, description="Seconds a call may take, or go without a byte while it streams"
    )
    max_retries: int | None = Field(
        default=None, ge=0, description="By default 2 for the last model of a chain, 0 where another follows"
    )
    input_price: float | None = Field(default=None, ge=0, description="USD per million tokens")
    output_price: float | None = Field(default=None, ge=0, description="USD per million tokens")
    temperature: float | None = Field(default=None, ge=0)
    structured_output: Literal["json_schema", "function_calling"] = Field(
        default="json_schema", description="function_calling for servers that refuse response_format, such as DeepSeek"
    )


class ModelSettings(LoomSettings):
    """Models and which roles use them: `THREADLOOM_MODEL=gpt-…` or the tables `[models.*]` and `[roles]`."""

    model: Annotated[Chain, NoDecode] = Field(default=(), description="Chain for all roles that have none of their own")
    models: dict[str, ModelEntry] = {}
    roles: dict[str, Chain] = {}
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_BASE_URL", "OPENAI_API_BASE")
    )

    def chains(self) -> dict[str, tuple[str, ...]]:
        """Role to the names of its models, first choice first; `default` serves all other roles.

        Raises ConfigError when a role names a model that is not configured.
        """
        if EXTRACTIVE in self.models:
            raise ConfigError(f"settings: models.{EXTRACTIVE}: this name is kept for the embedded model")
        if named := [name for name, entry in self.models.items() if entry.model == EXTRACTIVE]:
            raise ConfigError(f"settings: models.{named[0]}.model: {EXTRACTIVE} is kept for the embedded model")
        known = {*self.models, *self.model, EXTRACTIVE}
        for role, chain in self.roles.items():
            unknown = [name for name in chain if name not in known]
            if unknown or not chain:
                what = f"no model {unknown[0]!r}" if unknown else "no model named"
                raise ConfigError(f"settings: roles.{role}: {what}; known: {', '.join(sorted(known))}")
        default = self.model or self.roles.get("default") or tuple(self.models) or (EXTRACTIVE,)
        return {**self.roles, "default": default}

    def entries(self) -> dict[str, ModelEntry]:
        """The models that chains name, each with its endpoint and key filled in. Raises ConfigError without a key."""
        used = {name for chain in self.chains().values() for name in chain if name != EXTRACTIVE}
        return {name: self._complete(name, self.models.get(name) or ModelEntry(model=name)) for name in sorted(used)}

    def hint(self) -> str:
        """What a user may have overlooked, one line; empty when there is nothing to say."""
        if self.openai_api_key and self.chains()["default"] == (EXTRACTIVE,):
            return "OPENAI_API_KEY is set but no model is named, so it is not used: set THREADLOOM_MODEL"
        return ""

    def _complete(self, name: str, entry: ModelEntry) -> ModelEntry:
        key = entry.api_key
        if key is None and entry.api_key_env:
            value = os.environ.get(entry.api_key_env)
            if not value:
                raise ConfigError(f"settings: models.{name}: the environment variable {entry.api_key_env} is not set")
            key = SecretStr(value)
        if key is None and entry.base_url is None:
            key = self.openai_api_key
        base_url = entry.base_url or self.openai_base_url
        if key is None and base_url is None:
            raise ConfigError(f"settings: model {name} needs a key: set OPENAI_API_KEY, or base_url for a local server")
        # OPENAI_API_KEY goes to no endpoint that a table names; a local server needs any key, but not ours.
        return entry.model_copy(update={"base_url": base_url, "api_key": key or SecretStr("none")})
