"""langchain-tests' chat-model suites on ChatCompatible, against a server that speaks the protocol over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from tests.servers.openai_server import OpenAIServer
from threadloom.models.openai import ChatCompatible


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatCompatible

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "scripted", "api_key": "none"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"OPENAI_API_KEY": "k"}, {"model": "scripted"}, {"openai_api_key": "k"}


@pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema")  # tool calling is used instead
class TestIntegration(ChatModelIntegrationTests):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _running(cls) -> Iterator[None]:
        with OpenAIServer() as running:
            cls.server = running
            yield

    server: OpenAIServer

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatCompatible

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "scripted", "api_key": "none", "base_url": self.server.url, "stream_usage": True}

    @property
    def model_override_value(self) -> str:
        return "another"

    @property
    def supports_json_mode(self) -> bool:
        return True
