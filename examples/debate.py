"""A contested question, two debaters with different views, and the decision by votes weighted with their confidence.

Without a key nobody votes, and the proposal with more verified claims is taken; with THREADLOOM_MODEL set, language
models debate.
"""

from threadloom.graphs.debate import build
from threadloom.nodes.debate import Debater
from threadloom.nodes.resolve import weighted
from threadloom.tools.library.source import LibrarySource

pair = [
    Debater("optimist", "make the best case that it works, as far as the evidence goes."),
    Debater("sceptic", "make the best case that it does not: limits, counter-examples, what was not shown."),
]
graph = build(debaters=pair, sources=[LibrarySource()], resolver=weighted()).compile()
state = graph.invoke({"question": "Does raising the minimum wage reduce employment?"})

print(state["markdown"])
for conflict in state["conflicts"]:
    print("Contradiction between", " and ".join(conflict["authors"]))
print("Used:", state["usage"])
