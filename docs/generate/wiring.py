"""The wiring of an agent as a picture, drawn from its settings."""

from accumbens.presets import resolve_preset

_WIDTH, _CELL_WIDTH, _CELL_HEIGHT, _GAP = 640, 170, 46, 44
_LEFT = 190
_VALUE, _ERROR = 450, 560


_STYLE = """
rect.card { fill: #fff }
.cell { fill: #e6e8f5; stroke: #3f51b5; stroke-width: 1.4 }
.input { fill: none; stroke: #24292f; stroke-dasharray: 3 3 }
path { fill: none; stroke: #24292f; stroke-width: 1.5 }
marker path { fill: context-stroke; stroke: none }
path.down { stroke-dasharray: 5 4 }
path.error { stroke: #d9480f; stroke-width: 2 }
text { fill: #24292f; font: 13px system-ui, sans-serif }
.label, .symbol { text-anchor: middle }
.note { font-size: 11px }
.symbol { font-size: 19px; font-style: italic }
text.error { fill: #d9480f }
"""


def draw(algo: str) -> str:
    """Return an SVG of the cells of a preset on MinAtar: activity in black, error signals in orange, on white."""
    settings = _settings(algo)
    cells = len(settings.net_arch)
    height = cells * (_CELL_HEIGHT + _GAP) + _CELL_HEIGHT + 30
    parts = [_box(_LEFT, _y(height, 0), "observation", "input")]
    for index, units in enumerate(settings.net_arch, start=1):
        y = _y(height, index)
        parts.append(_box(_LEFT, y, f"cell {index} · {units} units", "cell"))
        parts.append(_arrow(_middle(), _y(height, index - 1), _middle(), y + _CELL_HEIGHT, "up"))
        if settings.input_skip and index > 1:
            x = _LEFT - 18 - 12 * index
            start, end = _y(height, 0) + _CELL_HEIGHT / 2, y + _CELL_HEIGHT * 0.7
            parts.append(_path(f"M {_LEFT} {start} H {x} V {end} H {_LEFT}", "up"))
        if settings.forward_gain is not None and index < cells:
            x = _LEFT + _CELL_WIDTH - 30
            gain = f"× {settings.forward_gain:g}, one step later"
            parts.append(_arrow(x, _y(height, index + 1) + _CELL_HEIGHT, x, y, "down"))
            parts.append(_text(x + 10, y - _GAP / 2 + 4, gain, "note"))
        if settings.recurrent_gain is not None:
            x = _LEFT + _CELL_WIDTH
            loop = f"M {x} {y + 10} C {x + 42} {y - 12} {x + 42} {y + 40} {x} {y + 24}"
            parts.append(_path(loop, "down"))
        if settings.every_cell_predicts or index == cells:
            parts += _readout(height, index, settings)
    if settings.credit == "backprop":
        parts += [
            _arrow(_middle() - 24, _y(height, index + 1) + _CELL_HEIGHT, _middle() - 24, _y(height, index), "error")
            for index in range(1, cells)
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">'
        f'<style>{_STYLE}</style><rect class="card" width="{_WIDTH}" height="{height}" rx="9"/>'
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M 0 0 L 10 5 L 0 10 z"/></marker></defs>'
        f"{''.join(parts)}</svg>\n"
    )


def caption(algo: str) -> str:
    """Return what the picture of a preset shows, in one sentence."""
    settings = _settings(algo)
    errors = "every cell has its own TD error" if settings.every_cell_predicts else "only the top cell has a TD error"
    stops = (
        "nothing else reaches its weights" if settings.credit == "local" else "and gradients go down through all cells"
    )
    joined = errors + (": " if settings.credit == "local" else ", ") + stops
    return f"Wiring of {algo}. Activity (black; dashed: one step later) and error signals (orange): {joined}."


def _settings(algo: str):
    return resolve_preset(algo, "minatar/breakout", "minatar").settings


def _readout(height: int, index: int, settings) -> list[str]:
    y = _y(height, index) + _CELL_HEIGHT / 2
    readout = {"value": "Q", "quantile": "θ", "goodness": "‖y‖"}[settings.readout]
    number = f"<tspan dy='4' font-size='10'>{index}</tspan>" if settings.every_cell_predicts else ""
    return [
        _arrow(
            _LEFT + _CELL_WIDTH + (34 if settings.recurrent_gain is not None else 0), y - 8, _VALUE - 20, y - 8, "up"
        ),
        _text(_VALUE, y - 3, f"{readout}{number}", "symbol"),
        _arrow(_VALUE + 22, y - 8, _ERROR - 18, y - 8, "up"),
        _text(_ERROR, y - 3, f"δ{number}", "symbol error"),
        _path(
            f"M {_ERROR} {y + 6} V {y + 14} H {_LEFT + _CELL_WIDTH + 4}",
            "error",
        ),
    ]


def _y(height: int, index: int) -> float:
    return height - 20 - _CELL_HEIGHT - index * (_CELL_HEIGHT + _GAP)


def _middle() -> float:
    return _LEFT + _CELL_WIDTH / 2 - 20


def _box(x: float, y: float, label: str, kind: str) -> str:
    return (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{_CELL_WIDTH}" height="{_CELL_HEIGHT}" rx="9"/>'
        f'<text class="label" x="{x + _CELL_WIDTH / 2}" y="{y + _CELL_HEIGHT / 2 + 5}">{label}</text>'
    )


def _arrow(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return _path(f"M {x1} {y1} L {x2} {y2}", kind)


def _path(data: str, kind: str) -> str:
    return f'<path class="{kind}" d="{data}" marker-end="url(#tip)"/>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{text}</text>'
