"""What a measurement found: tables, printed for people and written as JSON for whoever compares."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Printed

Cell = str | int | float | None
Row = dict[str, Cell]

LAST = ("sum", "asked for")  # columns, whichever row brings them first
WHOLE = ("what", "asked for", "from-to")  # columns whose cells stay on a line


@dataclass
class Table:
    """Rows with the columns they have; `note` says how it was measured and what the issue asks for."""

    title: str
    rows: list[Row] = field(default_factory=list)
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same for programs, rounded to what can be believed."""
        rows = [{name: _rounded(cell) for name, cell in row.items()} for row in self.rows]
        return {"title": self.title, "rows": rows, "note": self.note}


def show(console: Console, tables: Iterable[Table]) -> None:
    """Print them."""
    for table in tables:
        printed = Printed(title=table.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
        columns = list(dict.fromkeys(name for row in table.rows for name in row))
        columns.sort(key=LAST.__contains__)
        for name in columns:
            numbers = any(isinstance(row.get(name), int | float) for row in table.rows)
            printed.add_column(name, justify="right" if numbers else "left", no_wrap=name in WHOLE, overflow="fold")
        for row in table.rows:
            printed.add_row(*[_written(row.get(name)) for name in columns])
        console.print(printed)
        if table.note:
            console.print(table.note, style="dim", width=110, highlight=False)
        console.print()


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:
        return f"{cell:,.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}" if abs(cell) >= 1 else f"{cell:.3f}"


def _rounded(cell: Cell) -> Cell:
    return round(cell, 4) if isinstance(cell, float) else cell
