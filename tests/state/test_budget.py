"""Budgets: nothing lost or counted twice, whatever the order of parallel branches; shares never exceed the whole."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.state.budget import (
    MEASURES,
    Limits,
    Work,
    add_work,
    checked,
    left,
    narrower,
    no_work,
    raised,
    shares,
    standing,
)
from threadloom.state.reducers import merge_usage
from threadloom.state.usage import Usage


def worked(long: float, ends: float, steps: int = 1) -> Work:
    return Work(steps=steps, seconds=long, since=ends - long, until=ends)


seconds = st.floats(0, 1_000)
works = st.builds(
    lambda steps, long, ends: worked(long, ends, steps), st.integers(0, 9), seconds, st.floats(1_000, 5_000)
)
limits: Any = st.fixed_dictionaries(
    {},
    optional={
        "steps": st.integers(0, 10**6),
        "model_calls": st.integers(0, 10**6),
        "tokens": st.integers(0, 10**9),
        "usd": st.floats(0, 1e6),
        "seconds": st.floats(0, 1e6),
    },
)


def total(parts: list[Work]) -> Work:
    done = no_work()
    for part in parts:
        done = add_work(done, part)
    return done


@given(st.lists(works, max_size=8))
def test_steps_add_up_and_seconds_lie_between_the_longest_branch_and_the_sum(parts: list[Work]) -> None:
    done = total(parts)
    assert done["steps"] == sum(part["steps"] for part in parts)
    longest = max((part["seconds"] for part in parts), default=0)
    assert longest - 1e-6 <= done["seconds"] <= sum(part["seconds"] for part in parts) + 1e-6


@given(st.lists(seconds, min_size=1, max_size=8))
def test_branches_that_end_together_take_as_long_as_the_longest(parts: list[float]) -> None:
    done = total([worked(part, 2_000) for part in parts])
    assert done["seconds"] == pytest.approx(max(parts))


@given(st.lists(st.tuples(seconds, seconds), min_size=1, max_size=5), st.randoms())
def test_branches_of_one_step_count_once_in_any_order(spans: list[tuple[float, float]], order: random.Random) -> None:
    """They all began with the step, or when a thread was free while another still ran."""
    longest = max(first + rest for first, rest in spans)
    parts = [worked(longest, 5_000), *(worked(first, 5_000 - longest + first) for first, _ in spans)]
    order.shuffle(parts)
    assert total(parts)["seconds"] == pytest.approx(longest)


@given(st.lists(seconds, min_size=1, max_size=8), st.floats(0, 1e5))
def test_work_with_pauses_between_is_the_sum_of_the_work(parts: list[float], pause: float) -> None:
    at, done = 1e6, no_work()
    for part in parts:
        at += pause + part
        done = add_work(done, worked(part, at))
    assert done["seconds"] == pytest.approx(sum(parts), abs=1e-3)


def test_a_clock_that_was_set_back_takes_nothing_away_and_gives_nothing() -> None:
    done = total([worked(5, 5_000), worked(3, 1_000)])
    assert 5 <= done["seconds"] <= 8


@given(limits, st.integers(1, 50))
def test_shares_together_never_exceed_what_is_left(whole: Limits, branches: int) -> None:
    parts = shares(whole, branches)
    assert len(parts) == branches
    assert all(part.keys() == whole.keys() for part in parts)
    for name, limit in whole.items():
        used = [part[name] for part in parts]  # type: ignore[literal-required]  # keys of both
        if name == "seconds":
            assert set(used) == {limit}
        elif isinstance(limit, int):
            assert sum(used) == limit
            assert max(used) - min(used) <= 1
            assert used == sorted(used, reverse=True)
        else:
            assert sum(used) == pytest.approx(limit)


@given(limits, limits)
def test_a_sub_agent_never_gets_more_than_either_allows(own: Limits, given_: Limits) -> None:
    both = narrower(own, given_)
    assert both.keys() == own.keys() | given_.keys()
    for part in (own, given_):
        assert all(both[name] <= part[name] for name in part)  # type: ignore[literal-required]  # keys of both
    assert narrower(both, both) == both == narrower(given_, own)


@given(limits)
def test_what_is_used_up_is_over_and_what_is_raised_is_open_again(whole: Limits) -> None:
    assert standing(whole, {}, None).phase == "over" or all(whole.values())
    more: Limits = {"steps": 9, "model_calls": 9, "tokens": 9, "usd": 9.0, "seconds": 9.0}
    assert standing(raised(whole, more), {}, None).phase == "open"


def test_what_is_left_is_the_difference() -> None:
    usage = merge_usage({"a": Usage(calls=1, input_tokens=5, output_tokens=5, cost_usd=0.5)}, {})
    whole: Limits = {"steps": 5, "model_calls": 4, "tokens": 100, "usd": 2.0, "seconds": 10.0}
    work = worked(3, 9, steps=2)
    assert left(whole, usage, work) == {"steps": 3, "model_calls": 3, "tokens": 90, "usd": 1.5, "seconds": 7.0}
    assert standing(whole, usage, work) == ("open", "")
    assert standing({"steps": 4}, usage, work).reason == "the budget of 4 steps is nearly used up"


def test_dollars_are_over_when_a_price_is_not_known() -> None:
    usage = {"a": Usage(calls=1, input_tokens=5, output_tokens=5, cost_usd=None)}
    assert standing({"usd": 5.0}, usage, None).phase == "over"
    assert "price of a model is not known" in standing({"usd": 5.0}, usage, None).reason
    assert standing({"tokens": 500}, usage, None).phase == "open"


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("value", [0, -1, float("nan"), "5", None, True])
def test_a_limit_that_is_none_is_an_error_that_names_it(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"budget: {name}"):
        checked({name: value})


def test_counts_are_whole() -> None:
    assert checked({"steps": 5.0, "usd": 1}) == {"steps": 5, "usd": 1}
    assert isinstance(checked({"steps": 5.0})["steps"], int)
    with pytest.raises(ValueError, match="can only be counted"):
        checked({"steps": 5.5})
