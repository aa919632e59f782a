"""Asking a role to go on with a conversation, with the tools it may call; and what that cost."""

from collections.abc import Sequence

from langchain_core.exceptions import ModelError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.constants import TAG_NOSTREAM

from threadloom.models.chain import Answer, Failure, ask_in_turn, failure, used
from threadloom.models.roles import Models
from threadloom.state.usage import Usage


def reply(
    models: Models, role: str, messages: Sequence[BaseMessage], tools: Sequence[BaseTool] = (), *, aside: bool = False
) -> Answer[AIMessage]:
    """What the first model of the role that can be had says next: text, tool calls, or both.

    What it says `aside` is not part of the conversation: LangGraph's stream mode "messages" leaves it out. Raises
    ModelAnswerError.
    """
    config = RunnableConfig(tags=[TAG_NOSTREAM]) if aside else None
    return ask_in_turn(models, role, lambda name, chat: _say(models, name, chat, messages, tools, config))


def _say(
    models: Models,
    name: str,
    chat: BaseChatModel,
    messages: Sequence[BaseMessage],
    tools: Sequence[BaseTool],
    config: RunnableConfig | None,
) -> tuple[AIMessage | Failure, dict[str, Usage]]:
    asked = models.prepared.with_tools(chat, tools) if tools else chat
    try:
        message: AIMessage = asked.invoke(list(messages), config)
    except ModelError as error:
        return failure(models, name, error), {}
    return message, used(models, name, messages, message)
