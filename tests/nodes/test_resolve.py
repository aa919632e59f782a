"""Resolvers: who wins, how ties are broken, who dissents; whatever the ballots say, nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.nodes.resolve import by_evidence, majority, weighted
from threadloom.state.debate import Ballot, Proposal
from threadloom.state.papers import Finding

FINDING = Finding(id="F1.1", paper_id="doi:1", text="It is so.", span="It is so.", start=0, origin="abstract")


def proposal(author: str, claims: int = 0) -> Proposal:
    return Proposal(author=author, answer=f"{author} says so.", findings=[FINDING] * claims, dropped=0)


def ballot(voter: str, choice: str, confidence: float = 0.5) -> Ballot:
    return Ballot(voter=voter, choice=choice, confidence=confidence, reason="", criticism={})


def test_the_majority_decides_and_the_minority_is_recorded() -> None:
    ballots = [ballot("ann", "ann"), ballot("bob", "ann"), ballot("eve", "bob")]
    made = majority([proposal("bob"), proposal("ann")], ballots)
    assert (made["choice"], made["tally"], made["tie_break"]) == ("ann", {"bob": 1, "ann": 2}, "")
    assert [one["voter"] for one in made["dissent"]] == ["eve"]


@pytest.mark.parametrize(
    ("claims", "choice", "why"),
    [((1, 2), "bob", "most verified claims of 2"), ((1, 1), "ann", "made first of 2 that are equal in all else")],
)
def test_a_tie_is_broken_and_it_says_how(claims: tuple[int, int], choice: str, why: str) -> None:
    proposals = [proposal("ann", claims[0]), proposal("bob", claims[1])]
    made = majority(proposals, [ballot("ann", "ann"), ballot("bob", "bob")])
    assert (made["choice"], made["tie_break"]) == (choice, why)


def test_weights_and_confidence_count() -> None:
    proposals, ballots = [proposal("ann"), proposal("bob")], [ballot("ann", "ann", 0.9), ballot("bob", "bob", 0.2)]
    assert weighted()(proposals, ballots)["choice"] == "ann"
    assert weighted({"bob": 3})(proposals, ballots)["tally"] == {"ann": 1, "bob": 3}
    for weight in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="weights: bob has"):
            weighted({"bob": weight})


def test_evidence_decides_against_the_votes_and_they_dissent() -> None:
    made = by_evidence([proposal("ann"), proposal("bob", 2)], [ballot("ann", "ann"), ballot("bob", "ann")])
    assert (made["choice"], len(made["dissent"])) == ("bob", 2)


NAMES = st.sampled_from(["ann", "bob", "eve"])
BALLOTS = st.lists(st.builds(ballot, NAMES, NAMES, st.floats(0, 1)), unique_by=lambda one: one["voter"])
PROPOSALS = st.lists(st.builds(proposal, NAMES, st.integers(0, 2)), min_size=1, unique_by=lambda one: one["author"])


@given(PROPOSALS, BALLOTS, st.sampled_from([majority, weighted(), weighted({"ann": 2}), by_evidence]))
def test_somebody_who_proposed_wins_and_every_vote_is_for_them_or_dissents(
    proposals: list[Proposal], ballots: list[Ballot], resolver: object
) -> None:
    made = resolver(proposals, ballots)  # type: ignore[operator]  # one of the resolvers
    assert made["choice"] in {one["author"] for one in proposals}
    assert made["tally"][made["choice"]] == max(made["tally"].values())
    assert [one for one in ballots if one["choice"] != made["choice"]] == made["dissent"]
