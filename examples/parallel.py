"""A briefing: the web, a database and a calendar asked at once, each for a few seconds; then any two of three sources.

Without a key it shows what each source gave; with THREADLOOM_MODEL set, a language model words query and answer.
"""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from threading import Event

from threadloom.graphs.parallel import build
from threadloom.models.roles import load_models
from threadloom.nodes.branch import Branch, Found
from threadloom.nodes.briefing import calendar, database, web
from threadloom.nodes.combine import Resolution
from threadloom.state.budget import Limits
from threadloom.state.parallel import Conflict, Part
from threadloom.tools.calendar.diary import Diary
from threadloom.tools.database.reader import Database
from threadloom.tools.settings import WebSettings
from threadloom.tools.web.catalogue import configured

HERE = Path(__file__).parent
os.environ.setdefault("THREADLOOM_WEB_SEARCH", "off")  # leave this out to search the web
models = load_models()

branches = [
    web(lambda: configured(WebSettings())),
    database(lambda: Database(f"sqlite:///{HERE / 'office.sqlite'}"), lambda: models),
    calendar(lambda: Diary({"office": str(HERE / "office.ics")}, "Europe/Berlin"), lambda: models),
]
briefing = build(branches=branches, models=models, budget=Limits(model_calls=5, seconds=60)).compile()
state = briefing.invoke({"question": f"Which orders of green tea are late, and what is on, on {date(2026, 1, 8)}?"})
print(state["answer"])
print("\nAsked:", [f"{one['model']} at {one['node']}, {one['reason']}" for one in state["choices"]] or "no model")


def shop(name: str, price: float, seconds: float = 0) -> Branch:
    """Asks a shop for its price; `stop` is set as soon as nobody waits for it any more."""

    def work(question: str, stop: Event) -> Found:
        stop.wait(seconds)
        return Found(f"{question}: {price} EUR", [f"{name}.example"], {"price": price})

    return Branch(name, work, deadline=5)


def lowest(conflict: Conflict, parts: Mapping[str, Part]) -> Resolution:
    """The shops' prices differ: the lowest holds."""
    best = min(conflict["claims"], key=lambda claim: claim["value"])
    return Resolution(best["value"], f"the lowest price, from {parts[best['branch']]['sources'][0]}")


shops = [shop("slow", 9.5, seconds=60), shop("near", 12), shop("far", 11)]
cheapest = build(branches=shops, policy=2, resolver=lowest, models=models).compile()
state = cheapest.invoke({"question": "Green tea, 1 kg"})
print(
    "\nPrice:",
    state["conflicts"][0]["value"],
    "; missing:",
    {name: one["why"] for name, one in state["missing"].items()},
)
