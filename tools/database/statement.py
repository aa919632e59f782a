"""What a server may be asked: one SELECT of known parts, written anew from what was understood of it.

Allow-lists throughout: what is not named here is refused, so that a function or clause of the next release is refused
too. A read-only transaction alone lets through reading files, taking locks and changing settings.

What runs is text generated from the syntax tree, without comments: nothing that the parser took for a comment or a
string (`/*! … */` on MariaDB) is something else to the server. And it is read and checked again until it stays as it
is, since the generator writes some texts as they are: `date_part('year FROM x), pg_read_file(…` became a call.
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from threadloom.tools.database.errors import DatabaseReadError

if TYPE_CHECKING:
    from sqlglot import Dialect
    from sqlglot.expressions import Expr, Query

MOST_SQL = 10_000
MOST_ROUNDS = 5
MOST_DEPTH = 40
"""Of parentheses; sqlglot tries several readings of each level."""

_CLAUSES_LIST = """
select union except intersect subquery with cte from join where group having order ordered limit offset fetch window
windowspec distinct table tablealias alias aliases identifier star column columnposition values tuple lateral filter
withingroup ignorenulls respectnulls cube rollup groupingsets recursivewithsearch var datatype
datatypeparam interval intervalspan attimezone jsonpath jsonpathkey jsonpathroot jsonpathsubscript jsonpathwildcard
jsonpathslice jsonpathrecursive jsonkeyvalue jsonvalue literal null boolean hexstring bitstring rawstring national
pseudocolumn dot bracket slice paren all any
add sub mul div intdiv mod neg dpipe bitwiseand bitwiseor bitwisexor bitwisenot bitwiseleftshift bitwiserightshift
not eq neq nullsafeeq nullsafeneq gt gte lt lte is in between like ilike similarto escape glob overlaps
distance
"""
_CLAUSES = frozenset(_CLAUSES_LIST.split())
"""Keys of sqlglot's classes for the parts of a query."""

_FUNCTIONS_LIST = """
avg corr count groupconcat jsonarrayagg json_arrayagg jsonb_agg jsonobjectagg arrayagg logicaland logicalor every
bitwiseandagg bitwiseoragg max min mode percentilecont percentiledisc stddev stddevpop stddevsamp sum variance
variancepop grouping
cumedist denserank firstvalue lag lastvalue lead nthvalue ntile percentrank rank rownumber
abs atan2 ceil conv cos degrees div exp floor greatest hex least ln log pi pow radians rand round sign sin sqrt tan
trunc widthbucket crc32
and or xor case cast coalesce exists field if nullif elt
ascii chr collate concat concatws find_in_set initcap left length octet_length lower md5 mid quote_literal replace
reverse right soundex splitpart startswith strcmp strposition substring substringindex translate trim upper numbertostr
tonumber similarity
regexpcount regexpilike regexpinstr regexplike regexp_match regexp_matches regexpreplace regexpsubstr matchagainst
plainto_tsquery to_tsquery to_tsvector ts_rank websearch_to_tsquery
addtime age clock_timestamp converttimezone currentdate currenttime currenttimestamp date dateadd datediff datesub
datetrunc day dayname dayofmonth dayofweek dayofyear extract from_days hour justifydays lastday localtime
localtimestamp make_date makedate makeinterval minute month now quarter second strtodate sysdate time timediff
timestampadd timestampdiff timestamptrunc timetostr tsordstodate tsordstotimestamp unix_timestamp unixtotime
utctimestamp week weekday weekofyear year yearweek
all array arraycontainsall arrayoverlaps arrayposition arraysize arraytostring cardinality explode
explodinggenerateseries generateseries stringtoarray unnest row
json_array json_array_elements json_array_elements_text json_array_length json_build_array json_build_object
json_contains json_each json_each_text json_length json_object_keys json_query json_typeof json_unquote json_valid
jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
jsonb_each_text jsonb_extract_path_text jsonb_object_keys jsonb_typeof jsonbcontainstopkey jsonbextract
jsonbextractscalar jsonextract jsonextractscalar jsonkeys jsonobject row_to_json to_json to_jsonb
"""
_FUNCTIONS = frozenset(_FUNCTIONS_LIST.split())
"""Functions that compute from their arguments: names as written, or keys of sqlglot's classes.

Missing on purpose: those that read files, settings or other servers, run SQL given as text, wait, lock, or make much
of little (`repeat`, `lpad`).
"""


@dataclass(frozen=True)
class Grammar:
    """How a server reads SQL, and what of it lies outside the database that was opened."""

    dialect: str
    """sqlglot's name."""
    only_schema: str | None = None
    """The one schema that tables may be in; None for any that is not the system's."""
    system: tuple[str, ...] = ()
    """Beginnings of the names of schemas and tables that belong to the server."""


def rewritten(sql: str, grammar: Grammar, most: int) -> str:
    """The SELECT to run for `sql`: the same, of at most `most` rows. Raises DatabaseReadError if it is none."""
    if len(sql) > MOST_SQL or _depth(sql) > MOST_DEPTH:
        raise DatabaseReadError(f"the query is too long or too deeply nested (at most {MOST_SQL:,} characters)")
    try:
        for _ in range(MOST_ROUNDS):
            query = _parsed(sql, grammar.dialect)
            _check(query, grammar)
            written = _limited(query, most).sql(dialect=_writer(grammar.dialect), comments=False)
            if written == sql:
                return sql
            sql = written
    except RecursionError as error:
        raise DatabaseReadError("the query is too deeply nested") from error
    raise DatabaseReadError("the query cannot be written down in one way only; word it more plainly")


def _depth(sql: str) -> int:
    deepest = depth = 0
    for character in sql:
        depth += (character in "([") - (character in ")]")
        deepest = max(deepest, depth)
    return deepest


def _parsed(sql: str, dialect: str) -> "Query":
    from sqlglot import errors, exp, parse

    try:
        statements = [statement for statement in parse(sql, read=dialect) if statement]
    except errors.SqlglotError as error:
        raise DatabaseReadError(f"not a query that can be read here: {_first_line(error)}") from error
    if len(statements) != 1:
        raise DatabaseReadError("give exactly one SELECT statement")
    query = statements[0].unnest()
    if not isinstance(query, (exp.Select, exp.SetOperation)):
        raise DatabaseReadError(f"only SELECT is allowed, not {query.key.upper()}")
    return query


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].removesuffix(".")[:200]


def _check(query: "Expr", grammar: Grammar) -> None:
    from sqlglot import exp

    for node in query.walk():
        if isinstance(node, exp.Anonymous):
            _permit(node.name.lower() in _FUNCTIONS, f"the function {node.name}")
        elif isinstance(node, exp.Func):
            _permit(node.key in _FUNCTIONS, f"the function {node.sql_name()}")
        else:
            _permit(node.key in _CLAUSES, node.key.upper())
        if isinstance(node, exp.Var):
            _permit(node.name.replace("_", "").isalnum(), f"{node.name} in this place")
        if isinstance(node, exp.Dot):
            _permit(not isinstance(node.expression, exp.Func), "a function with a schema")
        if isinstance(node, exp.Table):
            _check_table(node, grammar)
        if isinstance(node, exp.CTE):
            _permit(isinstance(node.this.unnest(), exp.Query), f"WITH … AS ({node.this.key.upper()} …)")


def _permit(allowed: bool, what: str) -> None:
    if not allowed:
        raise DatabaseReadError(f"{what[:100]} is not allowed here; use a plain SELECT with ordinary functions")


def _check_table(table: "Expr", grammar: Grammar) -> None:
    from sqlglot import exp

    schema, name = table.text("db").lower(), table.name.lower()
    _permit(isinstance(table.this, (exp.Identifier, exp.Func)), "this kind of table")
    _permit(not (schema and isinstance(table.this, exp.Func)), "a function with a schema")
    _permit(not table.args.get("catalog"), "a table of another database")
    _permit(not schema or grammar.only_schema in {None, table.text("db")}, "a table of another database")
    _permit(not (schema or name).startswith(grammar.system or ("\0",)), "a table of the server's own")


def _limited(query: "Query", most: int) -> "Query":
    """The query with a limit that is no larger than `most`."""
    from sqlglot import exp

    limit = query.args.get("limit")
    if limit is None:
        return query.limit(most)
    count = limit.args.get("count") or limit.expression
    _permit(isinstance(count, exp.Literal) and count.name.isdigit(), "a LIMIT that is no number")
    offset = limit.args.get("offset")  # of LIMIT 20, 10
    limited = query.limit(min(int(count.name), most))
    return limited.offset(offset) if offset else limited


@cache
def _writer(dialect: str) -> "str | type[Dialect]":
    """The dialect to write in. MariaDB has no REGEXP_LIKE, as which sqlglot writes REGEXP; both servers know REGEXP."""
    if dialect != "mysql":
        return dialect
    from sqlglot import exp
    from sqlglot.dialects.mysql import MySQL
    from sqlglot.generators.mysql import MySQLGenerator

    def regexp(generator: MySQLGenerator, node: exp.RegexpLike) -> str:
        written = generator.binary(node, "REGEXP")
        return written if isinstance(node.parent, exp.Paren) else f"({written})"

    class Writer(MySQL):
        class Generator(MySQLGenerator):
            TRANSFORMS: ClassVar = {**MySQLGenerator.TRANSFORMS, exp.RegexpLike: regexp}

    return Writer
