"""Plans from questions of many kinds, and from none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadloom.models.extractive.lead import gist
from threadloom.models.extractive.plan import plan
from threadloom.state.drafts import PlanDraft

TOPICS = {
    "How effective are mRNA vaccines against Covid-19?": "mRNA vaccines against Covid-19",
    "Does raising the minimum wage reduce employment?": "effect of raising the minimum wage on employment",
    "minimum wage employment": "minimum wage employment",
    "What is the effect of sleep loss on memory in adolescents?": "effect of sleep loss on memory in adolescents",
    "Is nuclear power safer than coal?": "nuclear power versus coal",
    "Do electric cars emit less CO2 than petrol cars?": "electric cars versus petrol cars",
    "Which is better for type 2 diabetes: metformin or insulin?": "metformin versus insulin for type 2 diabetes",
    "GLP-1 agonists vs bariatric surgery for weight loss": "GLP-1 agonists versus bariatric surgery for weight loss",
    "How were gravitational waves first detected?": "detection of gravitational waves",
    "How is dark energy measured?": "measurement of dark energy",
    "Why is the expansion of the universe accelerating?": "accelerating expansion of the universe",
    "What causes Alzheimer's disease?": "causes of Alzheimer's disease",
    "What is dark matter?": "dark matter",
    "How old is the universe?": "age of the universe",
    "How does CRISPR-Cas9 gene editing work?": "CRISPR-Cas9 gene editing",
    "How do birds navigate during migration?": "birds navigating during migration",
    "Can large language models reason about mathematics?": "large language models reasoning about mathematics",
    "How has Arctic sea ice changed since 1979?": "changes in Arctic sea ice",
    "How much does sea level rise per year?": "sea level rise per year",
    "Should governments introduce a carbon tax?": "carbon tax",
    "How can we reduce methane emissions from rice paddies?": "reducing methane emissions from rice paddies",
    "Is screen time associated with depression in teenagers?": "link between screen time and depression in teenagers",
    "Is metformin effective in treating polycystic ovary syndrome?": "metformin in treating polycystic ovary syndrome",
    "What role does the gut microbiome play in depression?": "gut microbiome in depression",
    "How do scientists edit genes?": "editing genes",
    "How do axolotls regrow limbs?": "axolotls regrowing limbs",
    "when did humans first migrate to the Americas": "humans migrating to the Americas",
    "universal basic income: does it make people work less?": "universal basic income",
    "Does quantitative easing increase inequality, and if so, how?": "effect of quantitative easing on inequality",
    "Hello! Could you please tell me what is known about long COVID in children?": "long COVID in children",
    "Is there evidence that exercise improves mood?": "effect of exercise on mood",
    "HOW EFFECTIVE ARE MRNA VACCINES AGAINST COVID-19?": "mRNA vaccines against COVID-19",
    "Does giving cash to poor people help them?": "giving cash to poor people",
    "How much warming follows a doubling of CO2?": "warming after a doubling of CO2",
    "What happens to crops when CO2 rises?": "effect of rising CO2 on crops",
    "Why are some countries rich and others poor?": "differences between rich and poor countries",
    "What did trade with China do to American workers?": "effect of trade with China on American workers",
    "Does smoking shorten life?": "effect of smoking on life",
    "Do neutrinos have mass?": "mass of neutrinos",
    "Is graphene a metal?": "graphene as a metal",
    "Are insects disappearing?": "disappearing insects",
    "What is dark matter made of?": "composition of dark matter",
    "Can quantum computers beat classical ones?": "quantum computers beating classical ones",
    "wat is teh impact of climat change on coffe production": "impact of climat change on coffe production",
    "Quels sont les effets du café sur le sommeil ?": "effets du café sur le sommeil",
    "Has globalisation increased wage inequality in the US?": "effect of globalisation on wage inequality in the US",
    "I am a student of soils. I would like to know whether no-till farming really increases soil carbon. Thanks!": (
        "effect of no-till farming on soil carbon"
    ),
}

TERMS = {
    "How effective are mRNA vaccines against Covid-19?": ["mRNA vaccines", "Covid-19"],
    "Does raising the minimum wage reduce employment?": ["minimum wage", "employment"],
    "What role does the gut microbiome play in depression?": ["gut microbiome", "depression"],
    "Is nuclear power safer than coal?": ["nuclear power", "coal"],
    "How do transformers use attention for machine translation?": ["machine translation", "transformers", "attention"],
    "How do birds navigate during migration?": ["birds", "migration"],
    "What is the relationship between inequality and economic growth?": ["economic growth", "inequality"],
    "How much warming follows a doubling of CO2?": ["CO2", "warming"],
    "Can quantum computers beat classical ones?": ["quantum computers"],
    "What happens to crops when CO2 rises?": ["CO2", "crops"],
    "How do language models learn from few examples?": ["language models"],
    "Are insects disappearing?": ["insects"],
    "Does smoking shorten life?": ["smoking", "life"],
    "Does giving cash to poor people help them?": ["poor people", "cash"],
    "How can adult cells become stem cells?": ["adult cells", "stem cells"],
    "How deep can neural networks be?": ["neural networks"],
}

YEARS = {
    "What is known about fasting since 2015?": (2015, None),
    "Fasting between 2010 and 2020": (2010, 2020),
    "Studies (2010–2020) on fasting": (2010, 2020),
    "What was published in the last five years on fasting?": (2021, None),
    "Fasting over the past two decades": (2006, None),
    "Fasting before 2000": (None, 1999),
    "Fasting up to 2010": (None, 2010),
    "Fasting after 2010": (2011, None),
    "How did ideas on fasting change in the 1990s?": (1990, 1999),
    "Fasting since the 1990s": (1990, None),
    "Sea level rise until 2090": (None, None),  # the future is a subject
    "Unemployment after the 2008 financial crisis": (None, None),
    "Temperatures between 1850 and 1900": (None, None),  # nothing we search is that old
    "Plants at 1900 to 2050 m altitude": (None, None),
}


@pytest.mark.parametrize(("question", "topic"), TOPICS.items(), ids=lambda text: text[:40])
def test_topic(question: str, topic: str) -> None:
    assert plan(question)["topic"] == topic


@pytest.mark.parametrize(("question", "expected"), TERMS.items(), ids=lambda text: text[:40])
def test_key_terms(question: str, expected: list[str]) -> None:
    assert plan(question)["key_terms"] == expected


@pytest.mark.parametrize(("question", "expected"), YEARS.items(), ids=lambda text: str(text)[:40])
def test_years(question: str, expected: tuple[int | None, int | None]) -> None:
    made = plan(question, 2026)
    assert (made["year_from"], made["year_to"]) == expected
    if expected != (None, None):
        assert not re.search(r"\d{4}|last|past", made["topic"]), "the years are not part of the topic"


def test_relative_years_need_today() -> None:
    assert plan("Fasting in the last five years")["year_from"] is None


@pytest.mark.parametrize("question", TOPICS, ids=lambda text: text[:40])
def test_sub_questions_are_narrower_questions(question: str) -> None:
    made = plan(question)["sub_questions"]
    assert 2 <= len(made) <= 4
    assert len(set(made)) == len(made)
    for text in made:
        assert re.fullmatch(r"(?:What|How|Under what) [^{}]+\?", text), text
        assert text.lower() != question.lower()
        assert not re.search(r" the the | on on |  |\ba the\b| of \?| on\?", text), text


def test_sub_questions_say_who_does_what() -> None:
    made = plan("Does raising the minimum wage reduce employment?")["sub_questions"]
    assert made[0] == "What is the evidence that raising the minimum wage reduces employment?"
    assert plan("Is nuclear power safer than coal?")["sub_questions"][2] == (
        "What do direct comparisons of nuclear power and coal show?"
    )


def test_a_question_whose_grammar_is_not_understood_is_quoted() -> None:
    assert plan("Does zorbing flumph blarg?")["sub_questions"] == [
        "What do studies find on “zorbing flumph blarg”?",
        "What methods do studies of “zorbing flumph blarg” use?",
        "What do studies of “zorbing flumph blarg” leave open?",
    ]


WORDS = st.sampled_from(
    [
        *("how", "does", "is", "are", "the", "effect", "of", "on", "minimum", "wage", "COVID-19", "than", "better"),
        *("?", ".", ",", ":", "and", "who", "since", "2015", "in the last five years", "why", "reduce", "causes"),
        *("(", ")", '"', "'", "{", "}", "é", "温度", "der", "von", "was"),
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=30).map(" ".join)))
def test_any_question_gives_a_valid_plan(question: str) -> None:
    made = plan(question, 2026)
    draft = PlanDraft.model_validate(made)
    assert draft.topic or not question.strip()
    assert all(draft.key_terms)
    assert draft.key_terms or not question.strip()
    assert made == plan(question, 2026)


@pytest.mark.parametrize(
    ("request_", "about"),
    [
        ("Search papers on: Summarize AlphaFold", "AlphaFold"),
        ("Find out how old the universe is and write two sentences about it", "how old the universe is"),
        ("Tell my team what we know about microcredit", "microcredit"),
        ("Write to Bob about the effect of sleep on memory", "the effect of sleep on memory"),
        ("What does the library know: Does tea help?", "Does tea help?"),
        ("Compare A with B and list the risks", "Compare A with B and list the risks"),
    ],
)
def test_what_a_request_is_about(request_: str, about: str) -> None:
    assert gist(request_) == about
