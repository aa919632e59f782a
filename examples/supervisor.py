"""A supervisor with two specialists that look into different fields at once, and a third that compares.

Without a key nobody plans: each is asked in turn, and sentences are selected by vocabulary. With THREADLOOM_MODEL set,
a language model does the work.
"""

from threadloom.graphs import react
from threadloom.graphs.supervisor import build
from threadloom.nodes.team import Member
from threadloom.state.budget import Limits
from threadloom.tools.calculator import calculator_tool
from threadloom.tools.library.source import LibrarySource
from threadloom.tools.papers.tool import paper_tool

library = paper_tool(LibrarySource(), deadline=20)
team = [
    Member("reader", "Searches the library of papers.", react.build(tools=[library]).compile(), "Search papers on:"),
    Member("reckoner", "Calculates, and checks numbers in notes.", react.build(tools=[calculator_tool()]).compile()),
]
graph = build(team=team, budget=Limits(model_calls=15, seconds=300)).compile()
state = graph.invoke({"messages": [{"role": "user", "content": "How effective are mRNA vaccines against Covid-19?"}]})

print(state["messages"][-1].text)
for done in state["delegations"].values():
    print(f"{done['to']}: {done['status']} {done['reason']}".strip())
print("Used:", state["usage"])
