"""`calculate`: arithmetic as on paper, in decimals, for a model that cannot do sums.

Names, numbers and a fixed list of functions: there are no objects, texts or attributes to reach for. Every number is
bounded in size and every expression in length, and nothing repeats, so every calculation ends at once.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException, localcontext
from typing import Any

from langchain_core.tools import BaseTool, ToolException
from pydantic import Field
from simpleeval import (  # type: ignore[import-untyped]  # it has no annotations
    FeatureNotAvailable,
    FunctionNotDefined,
    InvalidExpression,
    NameNotDefined,
    OperatorNotDefined,
    SimpleEval,
)

from threadloom.tools.answer import Arguments, tool_of
from threadloom.tools.text import clipped

DIGITS = 28
"""Significant digits of a result that is not a whole number; calculations carry more."""
MOST_BITS = 10_000
"""Of a whole number: some 3,000 digits."""
_EXPONENTS = 3_000
Number = int | Decimal


class Expression(Arguments):
    """Arguments of `calculate`."""

    expression: str = Field(
        min_length=1,
        max_length=500,
        description=(
            "Arithmetic such as (1200 * 1.19) / 12 or sqrt(2) ** 3. Operators + - * / // % ** and comparisons; "
            "numbers without thousands separators or units; pi, e; abs, round(x, places), floor, ceil, min, max, sum, "
            "mean, sqrt, exp, ln, log10, log(x, base), sin, cos, tan, asin, acos, atan (radians), degrees, radians, "
            "factorial, comb, gcd, lcm"
        ),
    )


class CalculatorError(ToolException):
    """The expression has no result; the message is one line that says why."""


def calculator_tool() -> BaseTool:
    """`calculate`: a number, or true or false, as text; what is wrong with an expression is text as well."""

    def work_out(expression: str) -> tuple[str, str]:
        result = calculate(expression)
        return result, result

    return tool_of(
        work_out,
        name="calculate",
        description="Work out an arithmetic expression exactly; use it for every calculation.",
        arguments=Expression,
    )


def calculate(expression: str) -> str:
    """The result of an expression, e.g. `0.1 + 0.2` is `0.3`. Raises CalculatorError."""
    context = Context(prec=DIGITS + 12, Emax=_EXPONENTS, Emin=-_EXPONENTS)
    with localcontext(context):
        try:
            return _written(_Arithmetic(expression).result())
        except CalculatorError:
            raise
        except ZeroDivisionError:
            raise CalculatorError("division by zero") from None
        except (RecursionError, MemoryError):
            raise CalculatorError("the expression is nested too deeply") from None
        except SyntaxError as error:
            raise CalculatorError(f"not an arithmetic expression: {error.msg}") from None
        except InvalidExpression as error:
            raise CalculatorError(_unknown(error)) from None
        except (OverflowError, DecimalException):
            raise CalculatorError("the result is undefined or too large") from None
        except (TypeError, ValueError) as error:
            raise CalculatorError(f"not possible: {error}") from None


class _Arithmetic(SimpleEval):  # type: ignore[misc]  # simpleeval is not typed
    """What simpleeval evaluates, less everything that is not arithmetic."""

    nodes: dict[type, Callable[..., Any]]

    def __init__(self, expression: str) -> None:
        super().__init__(operators=_OPERATORS, functions=_FUNCTIONS, names=_NAMES)
        kept = (ast.Expr, ast.Name, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Call)
        self.nodes = {node: self.nodes[node] for node in kept} | {ast.Constant: self._number}
        self._expression = " ".join(expression.split())

    def result(self) -> Number | bool:
        """The value. Raises what simpleeval, Python's parser and arithmetic raise."""
        tree = ast.parse(self._expression, mode="eval")
        value: object = self.eval(self._expression, ast.Expr(tree.body))
        return value if isinstance(value, bool) else _bounded(value)

    def _number(self, node: ast.Constant) -> Number:
        if type(node.value) is int:
            return _bounded(node.value)
        if type(node.value) is float:  # as written: 0.1 is a tenth, and digits beyond a float's count
            return Decimal((ast.get_source_segment(self._expression, node) or "").replace("_", ""))
        raise CalculatorError("only numbers can be calculated with")


def _bounded(value: object) -> Number:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise CalculatorError("only numbers can be calculated with")
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise CalculatorError("a number is too large")
    return value


def _exactly(of: Callable[..., Any]) -> Callable[..., Number]:
    """`of` on numbers alone, its result bounded."""

    def function(*values: Any) -> Number:
        return _bounded(of(*map(_bounded, values)))

    return function


def _roughly(of: Callable[..., float]) -> Callable[..., Decimal]:
    """A function that Python has for binary floats: its result has their 15 digits, and as many decimals at most."""

    def function(*values: Any) -> Decimal:
        result = of(*(float(_bounded(value)) for value in values))
        return Decimal(f"{result:.15f}" if abs(result) < 1 else f"{result:.15g}")

    return function


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        if base and math.log2(abs(base)) * exponent > MOST_BITS:
            raise CalculatorError("a number is too large")
        return int(base**exponent)
    return Decimal(base) ** Decimal(exponent)


def _quotient(first: Number, second: Number) -> Number:
    exact = isinstance(first, int) and isinstance(second, int) and second and first % second == 0
    return first // second if exact else Decimal(first) / Decimal(second)


def _floor_quotient(first: Number, second: Number) -> Number:
    """Rounded down as Python's integers are, and as a model expects; Decimal would round to zero."""
    if isinstance(first, int) and isinstance(second, int):
        return first // second
    return _floor(Decimal(first) / Decimal(second))


def _modulo(first: Number, second: Number) -> Number:
    if isinstance(first, int) and isinstance(second, int):
        return first % second
    return first - second * _floor_quotient(first, second)


def _floor(value: Number) -> int:
    return int(Decimal(value).to_integral_value(ROUND_FLOOR)) if isinstance(value, Decimal) else value


def _ceil(value: Number) -> int:
    return int(Decimal(value).to_integral_value(ROUND_CEILING)) if isinstance(value, Decimal) else value


def _round(value: Number, places: Number = 0) -> Number:
    """Half away from zero, as on paper; Python rounds half to even."""
    if not isinstance(places, int) or abs(places) > DIGITS:
        raise CalculatorError(f"round takes a whole number of places up to {DIGITS}")
    if isinstance(value, int) and places >= 0:
        return value
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return rounded if places > 0 else int(rounded)


def _logarithm(value: Number, base: Number | None = None) -> Decimal:
    return Decimal(value).ln() if base is None else Decimal(value).ln() / Decimal(base).ln()


def _whole(of: Callable[..., int]) -> Callable[..., int]:
    def function(*values: Number) -> int:
        if not all(isinstance(value, int) for value in values):
            raise CalculatorError("gcd and lcm take whole numbers")
        return of(*values)

    return function


def _factorial(value: Number) -> int:
    if not isinstance(value, int) or not 0 <= value <= 1_000:
        raise CalculatorError("factorial takes a whole number from 0 to 1000")
    return math.factorial(value)


def _comb(of: Number, chosen: Number) -> int:
    if not isinstance(of, int) or not isinstance(chosen, int) or not 0 <= chosen <= of <= 5_000:
        raise CalculatorError("comb takes whole numbers, of which the first is the larger and at most 5000")
    return math.comb(of, chosen)


def _unknown(error: InvalidExpression) -> str:
    """What is not there, in the words of somebody who reads the tool's description."""
    match error:
        case FunctionNotDefined():
            return f"there is no function {clipped(error.func_name, 40)}; there are {', '.join(_FUNCTIONS)}"
        case NameNotDefined():
            return f"there is no value for {clipped(error.name, 40)}; write numbers, pi or e"
        case OperatorNotDefined():
            return "only the operators + - * / // % ** and comparisons can be used; a power is written **"
        case FeatureNotAvailable():
            return "only arithmetic on numbers can be calculated; numbers are written without thousands separators"
    return "not an arithmetic expression"


def _written(value: Number | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return _digits(value)
    with localcontext(prec=DIGITS):
        rounded = +value
    if not rounded.is_finite():
        raise CalculatorError("the result is undefined or too large")
    plain = rounded.normalize()
    return f"{plain:f}" if -DIGITS <= plain.adjusted() < DIGITS else f"{plain:e}"


def _digits(value: int) -> str:
    # Through Decimal, since str() of an int has a limit of its own that an application may set lower.
    return f"{Decimal(value):f}"


_OPERATORS: Mapping[type, Callable[..., Any]] = {
    ast.Add: _exactly(operator.add),
    ast.Sub: _exactly(operator.sub),
    ast.Mult: _exactly(operator.mul),
    ast.Div: _exactly(_quotient),
    ast.FloorDiv: _exactly(_floor_quotient),
    ast.Mod: _exactly(_modulo),
    ast.Pow: _exactly(_power),
    ast.USub: _exactly(operator.neg),
    ast.UAdd: _exactly(operator.pos),
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": _exactly(abs),
    "round": _exactly(_round),
    "floor": _exactly(_floor),
    "ceil": _exactly(_ceil),
    "min": _exactly(lambda *values: min(values)),
    "max": _exactly(lambda *values: max(values)),
    "sum": _exactly(lambda *values: sum(values)),
    "mean": _exactly(lambda *values: _quotient(sum(values), len(values))),
    "sqrt": _exactly(lambda value: Decimal(value).sqrt()),
    "exp": _exactly(lambda value: Decimal(value).exp()),
    "ln": _exactly(_logarithm),
    "log": _exactly(_logarithm),
    "log10": _exactly(lambda value: Decimal(value).log10()),
    "factorial": _exactly(_factorial),
    "comb": _exactly(_comb),
    "gcd": _exactly(_whole(math.gcd)),
    "lcm": _exactly(_whole(math.lcm)),
    **{
        name: _roughly(getattr(math, name))
        for name in ("sin", "cos", "tan", "asin", "acos", "atan", "degrees", "radians")
    },
}
_NAMES: Mapping[str, Number] = {
    "pi": Decimal("3.1415926535897932384626433832795028841972"),
    "e": Decimal("2.7182818284590452353602874713526624977572"),
}
