"""The report as Markdown, from the state alone: the same state gives the same text.

What comes from outside (questions, titles, quotations, models' sentences, reasons) passes through `escape`; every other
character of Markdown in the result is written here or in `csl`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from threadloom.models.settings import EXTRACTIVE
from threadloom.nodes.csl import paper_url
from threadloom.nodes.markdown import autolink, escape
from threadloom.nodes.synthesise import findings_of
from threadloom.state.papers import DROPPED, SOURCE_LABELS, Extraction, Finding, Paper, SourceReport, Verdict
from threadloom.state.reducers import total_usage
from threadloom.state.research import Plan, Report, ResearchState, Sentence

_ORIGINS = {"abstract": "abstract", "library summary": "the library's own summary", "none": "no text"}
_NEAREST = 5
"""How many of the papers that did not fit are named when none did."""


def render(state: ResearchState) -> str:
    """The whole report, ending in a line break. Without a cited paper it says so and what to try instead."""
    numbers = {reference["paper_id"]: reference["number"] for reference in state.get("references", [])}
    body = _findings(state, numbers) if numbers else _nothing_found(state)
    blocks = [
        f"# {escape(state['question'])}",
        f"*{_byline(state, numbers)}*",
        *body,
        *_section("Limits", _bullets(map(escape, _limits(state)))),
        *_section("References", _numbered(state)),
        *_section("Sources asked", _searched(state), _coverage(state), _figures(state)),
        *_section("Evidence", *_evidence(state, numbers)),
    ]
    return "\n\n".join(blocks) + "\n"


def _section(title: str, *blocks: str) -> list[str]:
    """A heading and what stands under it; nothing at all when there is nothing to put there."""
    present = [block for block in blocks if block]
    return [f"## {title}", *present] if present else []


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _numbered(state: ResearchState) -> str:
    return "\n".join(f"{reference['number']}. {reference['text']}" for reference in state.get("references", []))


def _byline(state: ResearchState, numbers: Mapping[str, int]) -> str:
    models = sorted(state.get("usage", {}))
    written = ", ".join(escape(model) for model in models if model != EXTRACTIVE)
    if not models:
        by = "No model was asked."
    elif not written:
        by = "Extractive, no language model: the sentences are taken from the retrieved texts and only arranged here."
    elif EXTRACTIVE in models:
        by = f"Written by {written}, in part extractive (no language model); see Limits."
    else:
        by = f"Written by {written}."
    findings = _count(len(findings_of(state)), "finding")
    basis = f" {findings}, {_count(len(numbers), 'paper')} cited." if numbers else ""
    return by + basis + _date(state)


def _date(state: ResearchState) -> str:
    moment = state.get("finished_at") or state.get("started_at")
    return f" {datetime.fromisoformat(moment):%d %B %Y}.".replace(" 0", " ") if moment else ""


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


# What was found


def _findings(state: ResearchState, numbers: Mapping[str, int]) -> Iterator[str]:
    report, findings = state.get("report", _NO_REPORT), findings_of(state)

    def lines(sentences: Sequence[Sentence]) -> Iterator[str]:
        return (escape(sentence["text"]) + _marks(sentence, findings, numbers) for sentence in sentences)

    yield from _section("Answer in brief", " ".join(lines(report["answer"])))
    themes = [(f"### {escape(theme['title'])}", _bullets(lines(theme["sentences"]))) for theme in report["themes"]]
    yield from _section("Findings", *(block for theme in themes for block in theme))
    yield from _section("Where papers agree", _bullets(lines(report["agreements"])))
    yield from _section("Where papers disagree", _bullets(lines(report["disagreements"])))
    yield from _section("Gaps", _bullets(map(escape, report["gaps"])))


def _marks(sentence: Sentence, findings: Mapping[str, Finding], numbers: Mapping[str, int]) -> str:
    papers = {findings[id_]["paper_id"] for id_ in sentence["findings"] if id_ in findings}
    cited = sorted(numbers[paper_id] for paper_id in papers if paper_id in numbers)
    return f" [{', '.join(map(str, cited))}]" if cited else ""


def _limits(state: ResearchState) -> Iterator[str]:
    """What a reader must know before relying on the report, each as one sentence."""
    findings, extractions = findings_of(state), state.get("extractions", {}).values()
    yield from state.get("report", _NO_REPORT)["limits"]
    if findings:
        yield "What was read are abstracts and summaries, not full texts."
    if summaries := sum(finding["origin"] == "library summary" for finding in findings.values()):
        yield (
            f"{summaries} of {_count(len(findings), 'finding')} rest on the bundled library's own summaries, "
            "not on the papers' words."
        )
    if dropped := _dropped(extractions):
        whose = "its" if dropped == 1 else "their"
        yield f"{_count(dropped, 'claim')} dropped because {whose} wording was not in the source."
    coverage = state.get("coverage", {}).values()
    if failed := [_label(report) for report in _ordered(coverage) if report["status"] == "failed"]:
        yield f"{len(failed)} of {_count(len(coverage), 'source')} did not answer: {', '.join(failed)}."
    notes = (note.rstrip(".") for note in state.get("notes", {}).values() if note)
    for note, times in Counter(notes).items():
        yield f"{note}{f' ({times} times)' if times > 1 else ''}."


_NO_REPORT = Report(answer=[], themes=[], agreements=[], disagreements=[], gaps=[], limits=[])


def _dropped(extractions: Iterable[Extraction]) -> int:
    return sum(len(extraction["dropped"]) for extraction in extractions)


# Nothing was found


def _nothing_found(state: ResearchState) -> Iterator[str]:
    papers = state.get("papers", [])
    read = sum(verdict["kept"] for verdict in state.get("verdicts", []))
    if not papers:
        yield "**Nothing fitting was found.** No paper turned up."
    else:
        found = f"Papers that turned up: {len(papers):,}; kept for reading: {read:,}."
        why = (
            "The review left no finding."
            if _reviewed_away(state)
            else "None gave a finding that bears on the question."
        )
        yield f"**Nothing fitting was found.** {found} {why}"
    yield from _section("Nearest papers", _bullets(_nearest(papers, state.get("verdicts", []))))
    yield from _section("What to try", _bullets(_advice(state)))


def _reviewed_away(state: ResearchState) -> bool:
    """Whether it was the reviewer who took out what there was: the papers, or the findings of those that were read."""
    dropped = any(verdict["reason"] == DROPPED for verdict in state.get("verdicts", []))
    return dropped or bool(state.get("feedback") or (state.get("review") and state.get("extractions")))


def _nearest(papers: Sequence[Paper], verdicts: Sequence[Verdict]) -> Iterator[str]:
    reasons = {verdict["paper_id"]: verdict["reason"] for verdict in verdicts}
    for paper in papers[:_NEAREST]:
        year = f" ({paper['year']})" if paper["year"] else ""
        said = "; ".join(filter(None, [escape(paper["title"]) + year, escape(reasons.get(paper["id"], ""))]))
        url = paper_url(paper)
        yield f"{said}. {autolink(url)}" if url else f"{said}."


def _advice(state: ResearchState) -> Iterator[str]:
    plan = state.get("plan")
    if any(report["status"] == "failed" for report in state.get("coverage", {}).values()):
        yield "See why sources failed with `threadloom doctor`, and run the question again."
    if plan and (plan["year_from"] or plan["year_to"]):
        yield "Leave the years out of the question."
    yield "Ask more generally, or in the words that papers of the field use."
    yield "Add papers of your own with `threadloom library add FILE.bib`."


# Where it was looked for


def _searched(state: ResearchState) -> str:
    plan = state.get("plan")
    if not plan or not plan["key_terms"]:
        return ""
    return f"Searched for: {', '.join(map(escape, plan['key_terms']))}{_years(plan)}."


def _years(plan: Plan) -> str:
    first, last = plan["year_from"], plan["year_to"]
    if first and last:
        return f" ({first} to {last})"
    return f" (since {first})" if first else f" (until {last})" if last else ""


def _label(report: SourceReport) -> str:
    return next((label for name, label in SOURCE_LABELS.items() if name == report["source"]), report["source"])


def _ordered(reports: Iterable[SourceReport]) -> list[SourceReport]:
    order: list[str] = list(SOURCE_LABELS)
    return sorted(
        reports, key=lambda r: (order.index(r["source"]) if r["source"] in order else len(order), r["source"])
    )


def _coverage(state: ResearchState) -> str:
    rows = [
        (escape(_label(r)), r["status"], f"{r['hits']:,}", f"{r['seconds']:.1f}", escape(r["reason"]))
        for r in _ordered(state.get("coverage", {}).values())
    ]
    return _table(("Source", "Status", "Hits", "Seconds", "Reason"), "--rr-", rows) if rows else ""


def _figures(state: ResearchState) -> str:
    found = sum(map(len, state.get("hits", {}).values()))
    merged = len(state.get("papers", []))
    kept = sum(verdict["kept"] for verdict in state.get("verdicts", []))
    extractions = state.get("extractions", {}).values()
    models = [f"{escape(name)} ({_count(u['calls'], 'call')})" for name, u in sorted(state.get("usage", {}).items())]
    usage = total_usage(state.get("usage", {}))
    cost = "unknown" if usage["cost_usd"] is None else f"{usage['cost_usd']:.4f}".rstrip("0").rstrip(".") + " USD"
    rows = [
        ("Papers", f"{found:,} found, {merged:,} after merging duplicates, {kept:,} kept for reading"),
        ("Findings", f"{len(findings_of(state)):,} kept, {_dropped(extractions):,} dropped"),
        ("Model", ", ".join(models) or "none"),
        ("Tokens", f"{usage['input_tokens']:,} in, {usage['output_tokens']:,} out"),
        ("Cost", cost),
        ("Time, pauses for review included" if state.get("review") else "Time", _duration(state)),
    ]
    return _table(("Run", ""), "--", rows)


def _duration(state: ResearchState) -> str:
    began, ended = state.get("started_at"), state.get("finished_at")
    if not began or not ended:
        return "not finished"
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def _table(head: Sequence[str], align: str, rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; `align` has one character a column, `r` for right."""
    rule = ["---:" if side == "r" else "---" for side in align]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


# What it rests on


def _evidence(state: ResearchState, numbers: Mapping[str, int]) -> Iterator[str]:
    """Cited papers by number, then those that were read for nothing that the report uses."""
    papers = [paper for paper in state.get("papers", []) if state.get("extractions", {}).get(paper["id"])]
    for paper in sorted(papers, key=lambda paper: numbers.get(paper["id"], len(numbers) + 1)):
        findings = state["extractions"][paper["id"]]["findings"]
        if findings:
            number = numbers.get(paper["id"])
            yield f"### {f'[{number}]' if number else 'Not cited:'} {escape(paper['title'])}"
            yield "\n\n".join(_quotation(finding) for finding in findings)


def _quotation(finding: Finding) -> str:
    claim = "" if finding["text"].strip() == finding["span"].strip() else f"{escape(finding['text'])}\n\n"
    return f"{claim}> “{escape(finding['span'])}” — {escape(finding['id'])}, {_ORIGINS[finding['origin']]}"
