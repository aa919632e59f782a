"""A JSON schema filled from material: by field name where we know the field, else by its type and description.

The names of `threadloom.state.drafts` are the contract. What the material does not hold stays empty.
"""

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from threadloom.models.extractive.advice import advice
from threadloom.models.extractive.answer import best_sentences
from threadloom.models.extractive.classify import classify, described, scored
from threadloom.models.extractive.cues import instructs
from threadloom.models.extractive.findings import MAX_FINDINGS, findings
from threadloom.models.extractive.material import Element, Material
from threadloom.models.extractive.mood import Feeling, feeling
from threadloom.models.extractive.plan import plan
from threadloom.models.extractive.report import report
from threadloom.models.extractive.routes import routes
from threadloom.models.extractive.statement import Statement
from threadloom.models.extractive.text import key_phrases, terms

MAX_ITEMS = 5
_TERMS = re.compile(r"term|keyword|tag|topic|entit|phrase|label|subject", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
_NONE = object()

Schema = Mapping[str, Any]


class Drafts:
    """What the techniques make of one call's material, each made once and only when asked for."""

    def __init__(self, material: Material) -> None:
        self.material = material

    @cached_property
    def plan(self) -> dict[str, Any]:
        """Topic, sub-questions, key terms and years."""
        return plan(self.material.question, self.material.year)

    @cached_property
    def findings(self) -> list[dict[str, str]]:
        """Findings of the documents, in their order."""
        documents = [
            findings(
                self.material.question, one.text, one.attributes.get("title", ""), one.attributes.get("keywords", "")
            )
            for one in self.material.of("document")
        ]
        return [finding for found in documents for finding in found][: MAX_FINDINGS * max(1, len(documents))]

    @cached_property
    def report(self) -> dict[str, Any]:
        """Answer, themes, agreements, disagreements and gaps."""
        given = [_statement(element) for element in self.material.of("finding") if element.attributes.get("id")]
        safe = [one for one in given if not instructs(one.text)]
        return report(self.material.question, safe, [one.text for one in self.material.of("sub_question")])

    @cached_property
    def routes(self) -> list[dict[str, Any]]:
        """The options that the message asks for."""
        options = {one.attributes.get("name", ""): one.text for one in self.material.of("option")}
        found = routes("\n".join(self.material.texts()), options)
        return [
            {"label": one.label, "confidence": one.confidence, "reason": ", ".join(one.reasons), "text": one.text}
            for one in found
        ]

    @cached_property
    def feeling(self) -> Feeling:
        """How the writer feels."""
        return feeling("\n".join([self.material.question, *self.material.texts()]))

    @cached_property
    def claims(self) -> list[dict[str, str]]:
        """Sentences of the documents that bear on the question, as they stand."""
        found = advice(self.material.question, self.material.of("document"))
        return [{"text": one, "quote": one} for one in found]

    @cached_property
    def summary(self) -> str:
        """Three sentences."""
        return " ".join(best_sentences(self.material.question, self.material.texts(), 3))


def _statement(element: Element) -> Statement:
    id_ = element.attributes["id"]
    return Statement(id_, element.attributes.get("paper") or id_, element.text)


TECHNIQUES: dict[str, Callable[[Drafts], Any]] = {
    "topic": lambda drafts: drafts.plan["topic"],
    "sub_questions": lambda drafts: drafts.plan["sub_questions"],
    "key_terms": lambda drafts: drafts.plan["key_terms"],
    "year_from": lambda drafts: drafts.plan["year_from"],
    "year_to": lambda drafts: drafts.plan["year_to"],
    "findings": lambda drafts: drafts.findings,
    "answer": lambda drafts: drafts.report["answer"],
    "themes": lambda drafts: drafts.report["themes"],
    "agreements": lambda drafts: drafts.report["agreements"],
    "disagreements": lambda drafts: drafts.report["disagreements"],
    "gaps": lambda drafts: drafts.report["gaps"],
    "summary": lambda drafts: drafts.summary,
    "routes": lambda drafts: drafts.routes,
    "sentiment": lambda drafts: drafts.feeling.sentiment,
    "angry": lambda drafts: drafts.feeling.angry,
    "wants_person": lambda drafts: drafts.feeling.wants_person,
    "mood_reasons": lambda drafts: drafts.feeling.reasons,
    "claims": lambda drafts: drafts.claims,
}
"""Field name to how it is filled; used only where the field has the shape the technique makes."""


def fill(schema: Schema, material: Material) -> dict[str, Any]:
    """An object that fits `schema` (JSON Schema of type object), from the material alone."""
    value = _object(schema, Drafts(material), schema)
    return value if isinstance(value, dict) else {}


def _object(schema: Schema, drafts: Drafts, root: Schema) -> dict[str, Any]:
    return {name: _field(name, field, drafts, root) for name, field in schema.get("properties", {}).items()}


def _field(name: str, field: Schema, drafts: Drafts, root: Schema) -> Any:
    field, nullable = _resolved(field, root)
    known = TECHNIQUES[name](drafts) if name in TECHNIQUES else _NONE
    value = (
        known
        if known is not _NONE and _fits(known, field, root, nullable=nullable)
        else _by_type(name, field, drafts, root)
    )
    if value in ("", None, []) and "default" in field:
        return field["default"]
    if value is None:
        return None if nullable else _empty(field)
    return value[: field["maxItems"]] if isinstance(value, list) and "maxItems" in field else value


def _resolved(field: Schema, root: Schema) -> tuple[Schema, bool]:
    """A field without references and unions, and whether it may be null."""
    extra = {key: field[key] for key in ("default", "description") if key in field}
    if "$ref" in field:
        target: Any = root
        for part in field["$ref"].removeprefix("#/").split("/"):
            target = target.get(part, {})
        found, nullable = _resolved(target, root)
        return {**found, **extra}, nullable
    options = field.get("anyOf") or field.get("oneOf") or field.get("allOf")
    if options:
        solid = [option for option in options if option.get("type") != "null"]
        found, nullable = _resolved(solid[0] if solid else {}, root)
        return {**found, **extra}, nullable or len(solid) < len(options)
    kind = field.get("type")
    if isinstance(kind, list):
        return {**field, "type": next((one for one in kind if one != "null"), "null")}, "null" in kind
    return field, False


def _fits(value: Any, field: Schema, root: Schema, *, nullable: bool) -> bool:
    """Whether a technique's value has the shape a field asks for."""
    if value is None:
        return nullable
    if isinstance(value, list):
        item, _ = _resolved(field.get("items", {}), root)
        fields = set(item.get("properties", {}))
        return field.get("type") == "array" and all(
            fields == set(one) if isinstance(one, dict) else item.get("type") == "string" for one in value
        )
    options = field.get("enum", [value])
    return value in options and field.get("type") == {str: "string", int: "integer", bool: "boolean"}[type(value)]


def _empty(field: Schema) -> Any:
    """The honest empty value of a type; the nearest bound where a number must be in a range."""
    kind = field.get("type")
    if "enum" in field:
        return field["enum"][0]
    if kind in {"integer", "number"}:
        low = field.get("minimum", 0)
        return low if low > 0 else 0
    return {"boolean": False, "array": [], "object": {}, "null": None}.get(str(kind), "")


# --- fields known by type only ---------------------------------------------------------------------------------------


def _by_type(name: str, field: Schema, drafts: Drafts, root: Schema) -> Any:
    if "const" in field:
        return field["const"]
    if "enum" in field:
        return _choice(field, drafts.material)
    read = {"string": _string, "integer": _number, "number": _number, "boolean": _truth}.get(str(field.get("type")))
    if read:
        return read(name, field, drafts.material)
    if field.get("type") == "array":
        return _array(name, field, drafts, root)
    return _object(field, drafts, root) if "properties" in field else _empty(field)


def _choice(field: Schema, material: Material) -> Any:
    text = "\n".join([material.question, *material.texts()])
    labels = described([str(option) for option in field["enum"]], field.get("description", ""))
    for option in material.of("option", "label", "category"):
        key = option.attributes.get("name") or option.attributes.get("id", "")
        if key in labels:
            labels[key] = option.text
    chosen = classify(text, labels)
    return next((option for option in field["enum"] if str(option) == chosen), None)


def _query(name: str, field: Schema, material: Material) -> str:
    return f"{name.replace('_', ' ')} {field.get('description', '')} {material.question}"


def _string(name: str, field: Schema, material: Material) -> str:
    found = best_sentences(_query(name, field, material), material.texts(), 1)
    return found[0][: field.get("maxLength")] if found else ""


def _number(name: str, field: Schema, material: Material) -> int | float | None:
    """A number from the sentence nearest to the field's name and description, else from the question."""
    near = best_sentences(
        f"{name.replace('_', ' ')} {field.get('description', '')}", [*material.texts(), material.question], 3
    )
    for text in [*near, material.question]:
        for match in _NUMBER.finditer(text):
            value = float(match[0].replace(",", ""))
            if field.get("type") == "integer" and value.is_integer():
                return int(value)
            if field.get("type") == "number":
                return value
    return None


def _truth(name: str, field: Schema, material: Material) -> bool:
    """Whether the material speaks of what the field names, and no "not" stands in the sentence that does."""
    wanted = set(terms(f"{name.replace('_', ' ')} {field.get('description', '')}"))
    found = best_sentences(" ".join(sorted(wanted)), [material.question, *material.texts()], 1) if wanted else []
    return bool(found) and not re.search(r"\b(?:not|no|never|without)\b|n't\b", found[0], re.IGNORECASE)


def _array(name: str, field: Schema, drafts: Drafts, root: Schema) -> list[Any]:
    """Labels that fit, one object for each text, key phrases, or sentences, by what the items are."""
    item, _ = _resolved(field.get("items", {}), root)
    material, most = drafts.material, field.get("maxItems", MAX_ITEMS)
    if "enum" in item:
        labels = described([str(option) for option in item["enum"]], field.get("description", ""))
        return [
            label
            for label, score in scored("\n".join([material.question, *material.texts()]), labels).items()
            if score > 0
        ]
    if "properties" in item:
        parts = [Material(material.question, material.task, [], [text]) for text in material.texts()[:most]]
        return [_object(item, Drafts(part), root) for part in parts]
    if item.get("type") != "string":
        return []
    if _TERMS.search(name):
        return list(dict.fromkeys(key_phrases("\n".join(material.texts() or [material.question]))))[:MAX_ITEMS]
    return best_sentences(_query(name, field, material), material.texts(), most)
