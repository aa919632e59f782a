"""The circuit breaker: an endpoint in trouble is left alone, one that refuses is not in trouble."""

import threading
from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError, ModelInvalidRequestError, ModelRateLimitError
from langchain_core.messages import HumanMessage

from tests.servers.openai_server import OpenAIServer, Reply, error
from threadloom.models.breaker import FAILURES, Breaker
from threadloom.models.chain import ModelAnswerError
from threadloom.models.errors import CircuitOpenError
from threadloom.models.reply import reply
from threadloom.models.roles import Models
from threadloom.models.settings import ModelEntry


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def call(breaker: Breaker, problem: Exception | None = None) -> None:
    with breaker.guard():
        if problem:
            raise problem


def fail(breaker: Breaker, times: int, problem: Exception | None = None) -> None:
    for _ in range(times):
        with pytest.raises(type(problem or ModelAPIError("down"))):
            call(breaker, problem or ModelAPIError("down"))


def test_it_opens_after_so_many_failures_in_a_row_and_lets_one_trial_through_later() -> None:
    clock = Clock()
    breaker = Breaker(failures=3, seconds=10, clock=clock)
    fail(breaker, 2)
    call(breaker)
    fail(breaker, 3)
    with pytest.raises(CircuitOpenError, match=r"failed 3 times in a row; next try in 10 s"):
        call(breaker)
    clock.now += 11
    fail(breaker, 1)
    with pytest.raises(CircuitOpenError):
        call(breaker)
    clock.now += 11
    call(breaker)
    call(breaker)


def test_while_a_trial_is_under_way_nobody_joins_it() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, seconds=10, clock=clock)
    fail(breaker, 1)
    clock.now += 11
    with breaker.guard(), pytest.raises(CircuitOpenError):
        call(breaker)
    call(breaker)


@pytest.mark.parametrize(
    "problem", [ModelInvalidRequestError("no"), ModelRateLimitError("slow down"), ValueError("bug")]
)
def test_one_that_answers_is_well(problem: Exception) -> None:
    breaker = Breaker(failures=2)
    fail(breaker, 5, problem)
    call(breaker)


def test_it_is_thread_safe() -> None:
    breaker = Breaker(failures=10_000)

    def work() -> None:
        for _ in range(500):
            fail(breaker, 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker._failed == 4_000


def test_a_dead_endpoint_is_not_asked_again_and_the_next_model_answers(
    server: OpenAIServer, second: OpenAIServer
) -> None:
    def entry(url: str, model: str) -> Any:
        return ModelEntry.model_validate({"model": model, "base_url": url, "api_key": "none", "max_retries": 0})

    server.reply(error(503))
    second.reply(Reply("here"))
    entries = {"a": entry(server.url, "a"), "b": entry(second.url, "b"), "c": entry(server.url, "c")}
    models = Models(entries, {"default": ("a", "b"), "other": ("c",)})
    answer = [reply(models, "any", [HumanMessage("hi")]) for _ in range(FAILURES + 2)][-1]
    assert answer.value.text == "here"
    assert answer.note == "a did not answer (not asked after repeated failures); b did"
    assert len(server.requests) == FAILURES
    with pytest.raises(ModelAnswerError, match="failed 5 times in a row"):  # another model of the same endpoint
        reply(models, "other", [HumanMessage("hi")])
