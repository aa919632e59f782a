"""langchain-tests' own suites for chat models, with the capabilities the extractive model has."""

from typing import Any

from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from threadloom.models.extractive.chat import ChatExtractive


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[ChatExtractive]:
        return ChatExtractive

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {}


class TestIntegration(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[ChatExtractive]:
        return ChatExtractive

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {}

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return False  # there is one model
