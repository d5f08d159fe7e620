"""A comparison as people read it: a table that fits the terminal, and Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from medseg.compare import Comparison, ComparisonRow
from medseg.paper import PaperRow, paper_rows

__all__ = ["print_comparisons", "to_markdown"]

_NOTE = (
    "Last epoch's means per image over n validation images, with 95 % bootstrap intervals over these images (they say"
    " nothing of other seeds or patients). mIoU is the foreground's, as in the paper's tables; mIoU both is the mean of"
    " foreground's and background's. Best Dice is the best epoch's, chosen on the same images. Loss is the training"
    " loss summed over the last epoch's batches."
)
_PAPER_NOTE = " Rows called paper are its Tables 3 and 4; it gives no split, no seeds and no number of runs."

_WIDE = (
    ("architecture",), ("run",), ("fold, seed",), ("parameters",), ("mIoU",), ("mIoU 95 %",), ("mIoU both",),
    ("Dice",), ("Dice 95 %",), ("best Dice",), ("n",), ("loss",), ("epochs",), ("time",),
)  # fmt: skip
# The same figures in fewer columns, with several lines a training.
_MIDDLE = (
    ("architecture", "run"), ("fold, seed",), ("parameters",), ("mIoU", "mIoU 95 %"), ("Dice", "Dice 95 %"),
    ("mIoU both", "best Dice"), ("n", "epochs"), ("loss", "time"),
)  # fmt: skip
_NARROW = (
    ("architecture", "run", "fold, seed"), ("mIoU", "mIoU from", "mIoU to"), ("Dice", "Dice from", "Dice to"),
    ("mIoU both", "best Dice"), ("parameters", "loss"), ("n", "epochs", "time"),
)  # fmt: skip
_HEADINGS = {
    **{f"{metric} 95 %": "95 % interval" for metric in ("mIoU", "Dice")},
    **{f"{metric} from": "95 % from" for metric in ("mIoU", "Dice")},
    **{f"{metric} to": "to" for metric in ("mIoU", "Dice")},
}
_LEAST_WIDTH = 80
_UNBOUNDED = 10_000


def print_comparisons(comparisons: Sequence[Comparison], console: Console) -> None:
    """Print a table each and a note on what the figures are.

    Every figure is shown at any width: a table that is too wide for the terminal gets several lines a training. What is
    not a terminal takes lines of any length.
    """
    for comparison in comparisons:
        console.print(Text(comparison.title, style="bold"), soft_wrap=True)
        console.print(_fitting_table(_lines(comparison), console), crop=False)
        console.print()
    console.print(Text(_note(comparisons)), soft_wrap=not console.is_terminal)


def to_markdown(comparisons: Sequence[Comparison]) -> str:
    """Headings, tables with a column a figure, and the note."""
    parts = []
    for comparison in comparisons:
        fields = [field for (field,) in _WIDE]
        cells = [[line.get(field, "").replace("|", "\\|") for field in fields] for line in _lines(comparison)]
        rows = [fields, ["---"] * len(fields), *cells]
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        parts.append(f"## {comparison.title}\n\n{table}\n\n")
    return "".join(parts) + f"{_note(comparisons)}\n"


def _note(comparisons: Sequence[Comparison]) -> str:
    paper = any(line["run"] == "paper" for comparison in comparisons for line in _lines(comparison))
    return _NOTE + (_PAPER_NOTE if paper else "")


def _fitting_table(lines: Sequence[dict[str, str]], console: Console) -> Table:
    """The table with the fewest lines a training whose columns fit; a narrow one folds names, never figures."""
    unbounded = console.options.update(width=_UNBOUNDED)
    for layout in (_WIDE, _MIDDLE):
        table = _table(lines, layout)
        table.width = Measurement.get(console, unbounded, table).maximum
        if not console.is_terminal or table.width <= console.width:
            return table
    table = _table(lines, _NARROW)
    table.width = max(console.width, _LEAST_WIDTH)
    return table


def _table(lines: Sequence[dict[str, str]], layout: Sequence[Sequence[str]]) -> Table:
    leading = 0 if layout is _WIDE else 1
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), leading=leading)
    for index, fields in enumerate(layout):
        heading = "\n".join(_HEADINGS.get(field, field) for field in fields)
        names = index == 0 or fields == ("run",)  # may be of any length; figures are never broken
        table.add_column(
            Text(heading), justify="left" if names else "right", overflow="fold", no_wrap=not names, vertical="top"
        )
    for line in lines:
        table.add_row(*(Text("\n".join(line.get(field, "") for field in fields)) for fields in layout))
    return table


def _lines(comparison: Comparison) -> list[dict[str, str]]:
    """Figures of each training by what they are called; where the data are the paper's, its figures after ours."""
    paper = paper_rows(comparison.fingerprint)
    lines = []
    for row, following in zip(comparison.rows, [*comparison.rows[1:], None], strict=True):
        lines.append(_ours(row))
        last_of_its_kind = following is None or following.architecture != row.architecture
        if last_of_its_kind and row.architecture in paper:
            lines.append(_papers(row.architecture, paper[row.architecture]))
    return lines


def _ours(row: ComparisonRow) -> dict[str, str]:
    return {
        "architecture": row.architecture,
        "run": row.run.removeprefix(f"{row.architecture}-"),
        "fold, seed": f"{row.fold}, {row.seed}",
        "parameters": f"{row.parameters:,}",
        "mIoU": f"{row.iou:.4f}",
        **_interval("mIoU", row.iou_ci95),
        "mIoU both": f"{row.iou_both:.4f}",
        "Dice": f"{row.dice:.4f}",
        **_interval("Dice", row.dice_ci95),
        "best Dice": f"{row.best_dice:.4f}",
        "n": str(row.images),
        "loss": f"{row.loss_sum:.3f}",
        "epochs": str(row.epochs),
        "time": f"{row.seconds / 60:.1f} min",
    }


def _interval(metric: str, ends: tuple[float, float] | None) -> dict[str, str]:
    if ends is None:
        return {f"{metric} 95 %": "none", f"{metric} from": "none"}
    low, high = (f"{end:.4f}" for end in ends)
    return {f"{metric} 95 %": f"{low} to {high}", f"{metric} from": low, f"{metric} to": high}


def _papers(architecture: str, row: PaperRow) -> dict[str, str]:
    return {
        "architecture": architecture,
        "run": "paper",
        "mIoU": f"{row.iou:.4f}",
        "Dice": f"{row.dice:.4f}",
        "loss": f"{row.loss:.3f}",
        "epochs": "32",
    }
