from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Sequence

import pytest
from rich.console import Console

from medseg.compare import Comparison, ComparisonRow
from medseg.comparison_table import print_comparisons, to_markdown

CELL = "dc55526483efc99ffc01da5c94d5c397b2f5545492a93d76226ec2505d48da2f"
ROW = ComparisonRow(
    architecture="unet_early_skip_concat",
    run="unet_early_skip_concat-20260102-030405-ab12",
    run_id="0" * 32,
    fold=1,
    seed=7,
    parameters=8_289_697,
    iou=0.81234567,
    iou_ci95=(0.80214, 0.82325),
    iou_both=0.83436,
    dice=0.84547,
    dice_ci95=(0.83558, 0.85669),
    best_dice=0.86771,
    loss_sum=1234.5678,
    images=400,
    epochs=32,
    seconds=98765.4,
    device="cpu",
)
FCN8S = dataclasses.replace(ROW, architecture="fcn8s", run="fcn8s-mine", parameters=134_264_547, fold=0, seed=0)
FIGURES = [
    "1,", "7", "8,289,697", "0.8123", "0.8021", "0.8233", "0.8344", "0.8455", "0.8356", "0.8567", "0.8677", "1234.568",
    "400", "32", "1646.1",
]  # fmt: skip


def comparison(*rows: ComparisonRow, fingerprint: str = "d" * 64, dataset: str = "discs") -> Comparison:
    return Comparison(dataset, fingerprint, "group", "5" * 64, "None", leaky=False, rows=rows)


def printed(comparisons: Sequence[Comparison], width: int | None) -> str:
    """What is printed to a terminal of some width, or with None to a file."""
    file = io.StringIO()
    print_comparisons(comparisons, Console(file=file, width=width, force_terminal=width is not None, color_system=None))
    return file.getvalue()


def table_of(text: str) -> list[str]:
    """Lines between title and note."""
    lines = text.splitlines()
    return lines[1 : next(i for i, line in enumerate(lines) if line.startswith("Last epoch's means"))]


class TestPrintComparisons:
    @pytest.mark.parametrize("width", [40, 80, 100, 120, 150, 200, 300, None])
    def test_no_figure_is_lost_at_any_width(self, width: int | None) -> None:
        table = table_of(printed([comparison(ROW, FCN8S)], width))
        shown = re.findall(r"[\d.,]+", "\n".join(table))
        for figure in FIGURES:
            assert figure in shown, figure
        assert "…" not in "".join(table)
        assert shown.count("134,264,547") == 1

    @pytest.mark.parametrize("width", [80, 120, 200])
    def test_lines_fit_the_terminal(self, width: int) -> None:
        for line in table_of(printed([comparison(ROW, FCN8S)], width)):
            assert len(line) <= width, line

    @pytest.mark.parametrize("width", [80, 120, 200])
    def test_names_stand_whole_on_a_line(self, width: int) -> None:
        table = table_of(printed([comparison(ROW, FCN8S)], width))
        for name in ("unet_early_skip_concat", "20260102-030405-ab12", "fcn8s", "mine"):
            assert any(re.search(rf"(^|\s){name}(\s|$)", line) for line in table), name

    @pytest.mark.parametrize(("width", "lines"), [(200, 1), (120, 2), (80, 3)])
    def test_wider_terminals_take_fewer_lines_a_training(self, width: int, lines: int) -> None:
        def height(*rows: ComparisonRow) -> int:
            return len(table_of(printed([comparison(*rows)], width)))

        gap = 0 if lines == 1 else 1
        assert height(ROW, FCN8S, ROW) - height(ROW, FCN8S) == lines + gap

    def test_a_column_s_figures_stand_below_its_heading(self) -> None:
        heading, _rule, line = table_of(printed([comparison(ROW)], 200))[:3]
        assert line.split() == [
            "unet_early_skip_concat", "20260102-030405-ab12", "1,", "7", "8,289,697", "0.8123", "0.8021", "to",
            "0.8233", "0.8344", "0.8455", "0.8356", "to", "0.8567", "0.8677", "400", "1234.568", "32", "1646.1", "min",
        ]  # fmt: skip
        for name, figure in (("mIoU ", "0.8123"), ("mIoU both", "0.8344"), ("best Dice", "0.8677"), ("epochs", "32")):
            assert heading.index(name) + len(name.strip()) == line.index(f" {figure} ") + len(figure) + 1

    def test_long_run_name_is_folded_not_cut(self) -> None:
        name = "".join(chr(ord("a") + i % 26) for i in range(150))
        table = table_of(printed([comparison(dataclasses.replace(ROW, run=name))], 80))
        assert "".join(re.findall(r"^[a-z]+(?= |$)", "\n".join(table[4:]), re.MULTILINE)) == name
        assert "0.8677" in "\n".join(table)

    def test_brackets_in_a_name_are_text(self) -> None:
        assert printed([comparison(ROW, dataset="[red]discs[/]")], 200).startswith("[red]discs[/] (data")

    def test_one_image_has_no_interval(self) -> None:
        single = dataclasses.replace(ROW, images=1, iou_ci95=None, dice_ci95=None)
        for width in (80, 120, 200):
            assert "\n".join(table_of(printed([comparison(single)], width))).split().count("none") == 2

    def test_each_comparison_has_its_title_and_all_have_one_note(self) -> None:
        text = printed([comparison(ROW), comparison(FCN8S, dataset="cells")], 120)
        assert [line for line in text.splitlines() if "(data" in line] == [
            "discs (data dddddddd, group split 55555555, images at their own size)",
            "cells (data dddddddd, group split 55555555, images at their own size)",
        ]
        assert " ".join(text.split()).count("95 % bootstrap intervals over these images") == 1


class TestPaperRows:
    def test_stand_below_ours_where_the_data_are_the_paper_s(self) -> None:
        other = dataclasses.replace(ROW, architecture="my_net", run="my_net-a")
        text = printed([comparison(ROW, dataclasses.replace(ROW, seed=8), FCN8S, other, fingerprint=CELL)], 200)
        lines = [line.split() for line in table_of(text)[2:] if line.strip()]
        assert [line[:2] for line in lines] == [
            ["unet_early_skip_concat", "20260102-030405-ab12"],
            ["unet_early_skip_concat", "20260102-030405-ab12"],
            ["unet_early_skip_concat", "paper"],
            ["fcn8s", "mine"],
            ["fcn8s", "paper"],
            ["my_net", "a"],
        ]
        # Table 4's rows "Ours1" and "FCN-8s".
        assert lines[2][2:] == ["0.8999", "0.9473", "2.829", "32"]
        assert lines[4][2:] == ["0.8931", "0.9435", "1.764", "32"]
        assert "Rows called paper are its Tables 3 and 4" in " ".join(text.split())

    def test_other_data_have_none(self) -> None:
        assert "paper " not in "\n".join(table_of(printed([comparison(ROW)], 200)))
        assert "Rows called paper" not in printed([comparison(ROW)], 200)

    def test_network_that_was_not_trained_has_none(self) -> None:
        table = table_of(printed([comparison(FCN8S, fingerprint=CELL)], 200))
        assert sum("paper" in line for line in table) == 1


class TestToMarkdown:
    def test_is_a_heading_a_table_and_the_note(self) -> None:
        lines = to_markdown([comparison(FCN8S, fingerprint=CELL)]).splitlines()
        assert lines[0] == "## discs (data dc555264, group split 55555555, images at their own size)"
        assert lines[2:6] == [
            "| architecture | run | fold, seed | parameters | mIoU | mIoU 95 % | mIoU both | Dice | Dice 95 %"
            " | best Dice | n | loss | epochs | time |",
            "|" + " --- |" * 14,
            "| fcn8s | mine | 0, 0 | 134,264,547 | 0.8123 | 0.8021 to 0.8233 | 0.8344 | 0.8455 | 0.8356 to 0.8567"
            " | 0.8677 | 400 | 1234.568 | 32 | 1646.1 min |",
            "| fcn8s | paper |  |  | 0.8931 |  |  | 0.9435 |  |  |  | 1.764 | 32 |  |",
        ]
        assert lines[7].startswith("Last epoch's means per image over n validation images")
        assert len(lines) == 8

    def test_bar_in_a_run_s_name_keeps_the_table_whole(self) -> None:
        text = to_markdown([comparison(dataclasses.replace(FCN8S, run="a|b"))])
        assert r"| fcn8s | a\|b | 0, 0 |" in text
