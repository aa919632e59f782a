"""A graph drawn without network or browser: as text, and as a PNG, laid out by grandalf (Sugiyama's layered method)."""

from collections.abc import Mapping
from importlib import import_module
from io import BytesIO
from itertools import pairwise
from math import atan2, cos, pi, sin
from typing import Any

from langchain_core.runnables.graph import Graph

from threadloom.errors import UsageError

INK, PAPER, FILL, SOFT, VISITED = "#1f2937", "#ffffff", "#e0e7ff", "#6b7280", "#fde68a"
SCALE, MARGIN, GAP, BOX_HEIGHT = 2, 40, 60, 36

Point = tuple[float, float]


Visits = Mapping[str, int]
"""How often a path came through each node."""


def mermaid_picture(graph: Graph, visits: Visits | None = None) -> str:
    """The graph as Mermaid text; nodes on a path have its count and a colour of their own."""
    text = str(_counted(graph, visits).draw_mermaid())
    on_path = ",".join(key for key in graph.nodes if _count(key, visits))
    return f"{text.rstrip()}\n\tclassDef visited fill:{VISITED}\n\tclass {on_path} visited\n" if on_path else text


def ascii_picture(graph: Graph, visits: Visits | None = None) -> str:
    """The graph as text, nodes on a path with its count.

    Raises UsageError when the extra `draw` is not installed.
    """
    try:
        return str(_without_loops(_counted(graph, visits)).draw_ascii())
    except ImportError:
        raise _missing() from None


def png_picture(graph: Graph, visits: Visits | None = None) -> bytes:
    """The graph as a PNG; conditional edges are dashed, nodes on a path have its count and a colour of their own.

    Raises UsageError when the extra `draw` is not installed.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        raise _missing() from None
    font = ImageFont.load_default(15 * SCALE)
    names = {key: node.name.strip("_") for key, node in _counted(graph, visits).nodes.items()}
    boxes, paths = _layout(graph, {key: font.getlength(name) / SCALE + 32 for key, name in names.items()})
    width, height = _shift(boxes, paths)
    image = Image.new("RGB", (int(width * SCALE), int(height * SCALE)), PAPER)
    draw = ImageDraw.Draw(image)
    for path, conditional in paths:
        _arrow(draw, path, conditional)
    for key, (x, y, w) in boxes.items():
        corners = [(x - w / 2) * SCALE, (y - BOX_HEIGHT / 2) * SCALE, (x + w / 2) * SCALE, (y + BOX_HEIGHT / 2) * SCALE]
        fill = VISITED if _count(key, visits) else FILL
        draw.rounded_rectangle(corners, radius=9 * SCALE, fill=fill, outline=INK, width=SCALE)
        draw.text((x * SCALE, y * SCALE), names[key], fill=INK, font=font, anchor="mm")
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _count(node: str, visits: Visits | None) -> int:
    return visits.get(node, 0) if visits else 0


def _counted(graph: Graph, visits: Visits | None) -> Graph:
    """The graph with the counts in the names of nodes."""
    if not visits:
        return graph
    nodes = {
        key: node._replace(name=f"{node.name} × {count}") if (count := _count(key, visits)) else node
        for key, node in graph.nodes.items()
    }
    return Graph(nodes=nodes, edges=graph.edges)


def _without_loops(graph: Graph) -> Graph:
    """grandalf cannot draw an edge from a node to itself."""
    return Graph(nodes=graph.nodes, edges=[edge for edge in graph.edges if edge.source != edge.target])


def _missing() -> UsageError:
    return UsageError("drawing needs the extra `draw`: pip install 'threadloom[draw]'; --format mermaid works without")


Boxes = dict[str, tuple[float, float, float]]
Paths = list[tuple[list[Point], bool]]


def _layout(graph: Graph, widths: dict[str, float]) -> tuple[Boxes, Paths]:
    """Centre and width of every node, and the way of every edge with whether it is conditional, in pixels."""
    # Untyped, and made to have attributes set on its objects: to the type checkers it is Any.
    graphs, layouts = import_module("grandalf.graphs"), import_module("grandalf.layouts")

    vertices = {key: graphs.Vertex(key) for key in graph.nodes}
    for key, vertex in vertices.items():
        vertex.view = layouts.VertexViewer(widths[key], BOX_HEIGHT)
    edges = [(edge, graphs.Edge(vertices[edge.source], vertices[edge.target])) for edge in _without_loops(graph).edges]
    layered = graphs.Graph(list(vertices.values()), [edge for _, edge in edges])
    layout = layouts.SugiyamaLayout(layered.C[0])
    layout.xspace, layout.yspace = GAP, GAP
    routes: dict[Any, list[Point]] = {}
    layout.route_edge = lambda edge, points: routes.__setitem__(edge, list(points))
    layout.init_all(roots=[vertices[key] for key in graph.nodes if key == "__start__"], optimize=True)
    layout.draw(3)
    boxes = {key: (*vertex.view.xy, widths[key]) for key, vertex in vertices.items()}
    paths = [
        ([boxes[edge.source][:2], *routes.get(drawn, [])[1:-1], boxes[edge.target][:2]], edge.conditional)
        for edge, drawn in edges
    ]
    return boxes, paths


def _shift(boxes: Boxes, paths: Paths) -> Point:
    """Move everything to positive coordinates with a margin, in place; returns the size of the picture."""
    xs = [x + sign * w / 2 for x, _, w in boxes.values() for sign in (-1, 1)] + [
        x for path, _ in paths for x, _ in path
    ]
    ys = [y for _, y, _ in boxes.values()]
    left, top = min(xs) - MARGIN, min(ys) - MARGIN
    for key, (x, y, w) in boxes.items():
        boxes[key] = (x - left, y - top, w)
    for path, _ in paths:
        path[:] = [(x - left, y - top) for x, y in path]
    return max(xs) - left + MARGIN, max(ys) - top + MARGIN


def _arrow(draw: Any, path: list[Point], dashed: bool) -> None:
    """A poly-line whose ends meet the border of their boxes, with a head at its end."""
    points = [_border(path[0], path[1]), *path[1:-1], _border(path[-1], path[-2])]
    for a, b in pairwise(points):
        _line(draw, a, b, dashed)
    (x0, y0), (x1, y1) = points[-2], points[-1]
    angle = atan2(y1 - y0, x1 - x0)
    wings = [(x1 - 9 * cos(angle + turn), y1 - 9 * sin(angle + turn)) for turn in (pi / 8, -pi / 8)]
    draw.polygon([(x * SCALE, y * SCALE) for x, y in [(x1, y1), *wings]], fill=SOFT)


def _border(centre: Point, towards: Point) -> Point:
    """Where a line leaves a box: through its top or its bottom."""
    (x, y), down = centre, towards[1] >= centre[1]
    rise = abs(towards[1] - y) or 1.0
    part = BOX_HEIGHT / 2 / rise
    return x + (towards[0] - x) * min(part, 1.0), y + (BOX_HEIGHT / 2 if down else -BOX_HEIGHT / 2)


def _line(draw: Any, a: Point, b: Point, dashed: bool) -> None:
    steps = max(int(((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2) ** 0.5 // 5), 1) if dashed else 1
    for step in range(0, steps, 2):
        ends = [(a[i] + (b[i] - a[i]) * at / steps) * SCALE for at in (step, min(step + 1, steps)) for i in (0, 1)]
        draw.line(ends, fill=SOFT, width=int(1.5 * SCALE))
