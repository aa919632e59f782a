"""What an agent is shown: tool calls and results stay together, whatever the conversation went through."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.utils import convert_to_openai_messages, count_tokens_approximately

from tests.servers.openai_server import unpaired
from threadloom.nodes.history import LOST, paired, seen, trimmed, units, with_system

names = st.sampled_from(["a", "b", "c"])
"""Few ids, so that they repeat."""
MESSAGES: Any = st.lists(
    st.one_of(
        st.builds(HumanMessage, st.text(max_size=40)),
        st.builds(AIMessage, st.text(max_size=40)),
        st.builds(
            lambda ids, name: AIMessage(
                "", name=name, tool_calls=[{"name": "t", "args": {}, "id": id_} for id_ in ids]
            ),
            st.lists(names, min_size=1, max_size=3, unique=True),
            st.sampled_from([None, "ann", "bob"]),
        ),
        st.builds(lambda id_, text: ToolMessage(text, tool_call_id=id_), names, st.text(max_size=40)),
    ),
    max_size=14,
)


def fits(messages: list[BaseMessage]) -> bool:
    return unpaired(convert_to_openai_messages(messages)) == ""


@given(MESSAGES)
def test_any_conversation_is_paired_once_and_for_all(messages: list[BaseMessage]) -> None:
    shown = paired(messages)
    assert fits(shown)
    assert paired(shown) == shown
    assert [one for one in shown if not isinstance(one, ToolMessage)] == [
        one for one in messages if not isinstance(one, ToolMessage)
    ]


@given(MESSAGES, st.integers(0, 200))
def test_trimming_keeps_pairs_the_question_and_the_limit(messages: list[BaseMessage], tokens: int) -> None:
    whole = paired(messages)
    kept = trimmed(whole, tokens)
    assert fits(kept)
    assert [one for one in whole if any(one is other for other in kept)] == kept
    asked = [one for one in whole if isinstance(one, HumanMessage)]
    assert not asked or any(one is asked[-1] for one in kept)
    assert count_tokens_approximately(kept) <= tokens or len(units(kept)) <= 2


@given(MESSAGES, st.sampled_from(["full", "own", "summary"]))
def test_every_view_is_paired_and_own_words_stay(messages: list[BaseMessage], sees: Any) -> None:
    shown = seen(messages, "ann", sees, "what was said")
    assert fits(shown)
    assert all(one.name in {None, "ann"} for one in shown if isinstance(one, AIMessage))


def test_a_lost_result_says_so_and_a_late_one_is_put_where_it_belongs() -> None:
    call = AIMessage("", tool_calls=[{"name": "t", "args": {}, "id": "1"}, {"name": "u", "args": {}, "id": "2"}])
    shown = paired([call, HumanMessage("well?"), ToolMessage("late", tool_call_id="2")])
    assert [(one.type, one.text) for one in shown] == [("ai", ""), ("tool", LOST), ("tool", "late"), ("human", "well?")]


def test_what_each_agent_sees_of_the_others() -> None:
    said = [
        HumanMessage("first?"),
        AIMessage("from <ann>", name="ann"),
        AIMessage("", name="bob", tool_calls=[{"name": "t", "args": {}, "id": "1"}]),
        ToolMessage("secret", tool_call_id="1"),
        AIMessage("from bob", name="bob"),
        HumanMessage("second?"),
        AIMessage("mine", name="ann"),
    ]
    assert [one.text for one in seen(said, "ann", "own")] == ["first?", "from <ann>", "second?", "mine"]
    full = [one.text for one in seen(said, "ann", "full")]
    assert full == ["first?", "from <ann>", '<message author="bob">\nfrom bob\n</message>', "second?", "mine"]
    assert '<message author="ann">\nfrom &lt;ann&gt;\n</message>' in [one.text for one in seen(said, "bob", "full")]
    brief = [one.text for one in seen(said, "ann", "summary", "it went well")]
    assert brief == ["<summary>\nit went well\n</summary>", "second?", "mine"]


def test_what_is_quoted_of_another_agent_is_not_taken_for_the_question() -> None:
    said = [HumanMessage("Which wine?"), *(AIMessage(f"{n} " + "word " * 60, name="a") for n in range(5))]
    shown = trimmed(seen([*said, AIMessage("Mine.", name="b")], "b", "full"), 60)
    assert [message.text for message in shown] == ["Which wine?", "Mine."]


def test_there_is_one_system_message_and_it_comes_first() -> None:
    told = [HumanMessage("a"), SystemMessage("also"), HumanMessage("b")]
    random.shuffle(told)
    shown = with_system("be kind", told)
    assert [one.type for one in shown] == ["system", "human", "human"]
    assert shown[0].text == "be kind\n\nalso"
