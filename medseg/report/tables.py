"""A table once, as Markdown, LaTeX and CSV; the page's template draws it as HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

__all__ = ["Table", "escape_latex", "to_latex", "to_markdown"]

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\N{MINUS SIGN}": "$-$",
    "–": "--",
    "×": r"$\times$",
    "<": "$<$",
    ">": "$>$",
    "²": r"\textsuperscript{2}",
    "Δ": r"$\Delta$",
    "∩": r"$\cap$",
    "∪": r"$\cup$",
    "|": r"\textbar{}",
    "±": r"$\pm$",
}
_LATEX_SPECIAL = re.compile("|".join(map(re.escape, _LATEX)))


@dataclass(frozen=True)
class Table:
    """A table as people read it, and its figures with all digits.

    Attributes:
        name: Of its files, and its anchor in the page.
        caption: What it holds.
        columns: Headings.
        rows: Texts, as many a row as headings.
        data: All digits, for the CSV file.
        note: How to read it; may be empty.
        leading: Number of columns from the left that name the row; they hold words, the others figures.
        dim_rows: Rows to stand back, such as the paper's.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: pd.DataFrame
    note: str = ""
    leading: int = 1
    dim_rows: frozenset[int] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        """Refuse rows of another length than the headings."""
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"{self.name}: rows must have {len(self.columns)} cells, as there are headings")


def to_markdown(table: Table) -> str:
    """Caption, table and note."""
    alignments = ["---"] * table.leading + ["---:"] * (len(table.columns) - table.leading)
    lines = [table.columns, alignments, *table.rows]
    body = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
    return "\n\n".join(part for part in (f"**{table.caption}**", body, table.note) if part) + "\n"


def to_latex(table: Table) -> str:
    """A ``table`` environment with booktabs' rules."""
    alignment = "l" * table.leading + "r" * (len(table.columns) - table.leading)
    note = rf"\par\smallskip\footnotesize {escape_latex(table.note)}" if table.note else ""
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(table.caption)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        _latex_row(table.columns),
        r"\midrule",
        *map(_latex_row, table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        note,
        r"\end{table}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def escape_latex(text: str) -> str:
    """``text`` as LaTeX prints it."""
    return _LATEX_SPECIAL.sub(lambda found: _LATEX[found.group()], text)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(escape_latex, cells)) + r" \\"
