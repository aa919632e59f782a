"""People in an agent's loop: what acts waits for them, whatever they answer."""

from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool
from langgraph.types import Command
from pydantic import AfterValidator, BaseModel, field_validator

from tests.graphs.agents import MAIL, Run, pause, results, sending, sent, weather
from tests.servers.openai_server import OpenAIServer, Reply
from threadloom.nodes.calls import UNASKED
from threadloom.nodes.history import LOST
from threadloom.tools.acting import acting


@pytest.mark.parametrize(
    ("answer", "log", "told"),
    [
        ({"action": "approve"}, ["ann: hello"], "sent to ann"),
        (
            {"action": "edit", "args": {"to": "bob"}},
            ["bob: hello"],
            'A person changed the arguments: {"to": "bob"}\nsent to bob',
        ),
        ({"action": "reject", "text": "Not now."}, [], "A person refused this call. Not now."),
        ({"action": "respond", "text": "She knows."}, [], "She knows."),
    ],
)
def test_a_tool_that_acts_waits_for_a_person(
    server: OpenAIServer, run: Run, answer: dict[str, Any], log: list[str], told: str
) -> None:
    done: list[str] = []
    tools = [sending(done), weather]
    server.reply(MAIL, Reply("Done."))
    question = pause(run(tools=tools))
    assert (question["kind"], question["details"]["args"], done) == ("call", {"to": "ann", "text": "hello"}, [])
    state = run(Command(resume=answer), tools=tools)
    assert (done, results(state)) == (log, [told, "Lima: sunny"])
    assert [act["args"]["to"] for act in state["acts"]] == [line.split(":")[0] for line in log]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("yes", "an answer is a JSON object"),
        ({"action": "maybe"}, "action: Input should be 'approve', 'edit', 'reject' or 'respond'"),
        ({"action": "approve", "args": {"to": "bob"}}, "args belong to edit"),
        ({"action": "edit", "args": {"to": 5}}, "bad arguments: to: Input should be a valid string"),
        ({"action": "respond"}, "a response needs text"),
    ],
)
def test_an_answer_that_does_not_fit_is_asked_again(server: OpenAIServer, run: Run, answer: Any, why: str) -> None:
    done: list[str] = []
    tools = [sending(done), weather]
    server.reply(MAIL, Reply("Done."))
    run(tools=tools)
    again = pause(run(Command(resume=answer), tools=tools))
    assert why in again["refused"]
    run(Command(resume={"action": "approve"}), tools=tools)
    assert done == ["ann: hello"]


def test_each_call_is_approved_by_itself_though_the_server_repeats_its_ids(server: OpenAIServer, run: Run) -> None:
    done: list[str] = []
    tools = [sending(done)]
    mail = [Reply(calls=(("send", {"to": to}),)) for to in ("ann", "bob")]
    server.reply(Reply(calls=(*mail[0].calls, *mail[1].calls)), mail[1], Reply("Done."))
    assert pause(run(tools=tools))["details"]["args"] == {"to": "ann"}
    assert pause(run(Command(resume={"action": "approve"}), tools=tools))["details"]["args"] == {"to": "bob"}
    assert done == []
    third = pause(run(Command(resume={"action": "reject"}), tools=tools))
    assert (third["details"]["args"], done) == ({"to": "bob"}, ["ann: "])
    state = run(Command(resume={"action": "reject"}), tools=tools)
    assert done == ["ann: "]
    calls = [call["id"] for m in state["messages"] if isinstance(m, AIMessage) for call in m.tool_calls]
    assert len(set(calls)) == 3


def test_a_long_text_is_shown_with_its_own_lines(server: OpenAIServer, run: Run) -> None:
    server.reply(Reply(calls=(("send", {"to": "ann", "text": "Hello,\n\nit smokes."}),)), Reply("Done."))
    question = pause(run(tools=[sending([])]))
    assert '"to": "ann"' in question["markdown"]
    assert "`text`:\n\n```text\nHello,\n\nit smokes.\n```" in question["markdown"]
    assert question["details"]["args"] == {"to": "ann", "text": "Hello,\n\nit smokes."}


def test_a_call_nobody_could_carry_out_needs_no_approval(server: OpenAIServer, run: Run) -> None:
    server.reply(Reply(calls=(("send", {"whom": "ann"}),)), Reply("Oh."))
    assert "bad arguments" in results(run(tools=[sending([])]))[0]


def test_a_call_that_only_the_tool_itself_understands_waits_too(server: OpenAIServer, run: Run) -> None:
    done: list[int] = []

    class Many(BaseModel):
        count: int

        @field_validator("count", mode="before")
        @classmethod
        def _named(cls, value: object) -> object:
            return 12 if value == "a dozen" else value

    def take(count: int) -> None:
        done.append(count)

    order = acting(StructuredTool.from_function(take, name="order", description="Orders.", args_schema=Many))
    server.reply(Reply(calls=(("order", {"count": "a dozen"}),)), Reply("Ordered."))
    assert pause(run(tools=[order]))["details"]["args"] == {"count": "a dozen"}
    refused = pause(run(Command(resume={"action": "edit", "args": {"count": "some"}}), tools=[order]))["refused"]
    assert refused.startswith("bad arguments: count: Input should be a valid integer")
    assert "{" not in refused
    run(Command(resume={"action": "approve"}), tools=[order])
    assert done == [12]


def test_a_call_that_becomes_right_after_a_person_would_have_been_asked_is_not_carried_out(
    server: OpenAIServer, run: Run
) -> None:
    done, looks = list[str](), list[str]()

    def there(path: str) -> str:
        looks.append(path)
        if len(looks) == 1:  # as if a call beside it wrote the file meanwhile
            raise ValueError("there is no such file")
        return path

    def send(path: Annotated[str, AfterValidator(there)]) -> None:
        """Send a file."""
        done.append(path)

    server.reply(Reply(calls=(("send", {"path": "a.txt"}),)), Reply("Not sent."))
    state = run(tools=[acting(StructuredTool.from_function(send))])
    assert (results(state), done, state["acts"]) == ([UNASKED], [], [])


def test_a_new_question_while_one_waits_leaves_no_call_dangling(server: OpenAIServer, run: Run) -> None:
    done: list[str] = []
    tools = [sending(done), weather]
    server.reply(MAIL, Reply("Never mind."))
    run(tools=tools)
    state = run({"messages": [{"role": "user", "content": "Forget it."}]}, tools=tools)
    assert state["messages"][-1].text == "Never mind."
    assert [message["content"] for message in sent(server) if message["role"] == "tool"] == [LOST, LOST]
    assert done == []
