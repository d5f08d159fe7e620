from __future__ import annotations

import pandas as pd
import pytest

from medseg.report.tables import Table, escape_latex, to_latex, to_markdown


def make_table(**changes: object) -> Table:
    content = {
        "name": "scores",
        "caption": "Dice & IoU",
        "columns": ("Network", "Dice"),
        "rows": (("unet_early_skip", "0.9"), ("a|b", "−1 %")),
        "data": pd.DataFrame({"dice": [0.9]}),
        "note": "100 % of 2_000",
    }
    return Table(**{**content, **changes})  # type: ignore[arg-type]


class TestTable:
    def test_rows_must_be_as_long_as_the_headings(self) -> None:
        with pytest.raises(ValueError, match="scores: rows must have 2 cells"):
            make_table(rows=(("a",),))


class TestToMarkdown:
    def test_names_are_left_and_figures_right(self) -> None:
        assert to_markdown(make_table()).splitlines() == [
            "**Dice & IoU**",
            "",
            "| Network | Dice |",
            "| --- | ---: |",
            "| unet_early_skip | 0.9 |",
            "| a\\|b | −1 % |",
            "",
            "100 % of 2_000",
        ]


class TestToLatex:
    def test_is_a_booktabs_table(self) -> None:
        assert to_latex(make_table()).splitlines() == [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            r"\caption{Dice \& IoU}",
            r"\label{tab:scores}",
            r"\begin{tabular}{lr}",
            r"\toprule",
            r"Network & Dice \\",
            r"\midrule",
            r"unet\_early\_skip & 0.9 \\",
            r"a\textbar{}b & $-$1 \% \\",
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\smallskip\footnotesize 100 \% of 2\_000",
            r"\end{table}",
        ]

    def test_without_note(self) -> None:
        assert "footnotesize" not in to_latex(make_table(note=""))

    def test_every_special_character_is_escaped_once(self) -> None:
        assert escape_latex("\\{}$&#^_~%") == (r"\textbackslash{}\{\}\$\&\#\textasciicircum{}\_\textasciitilde{}\%")

    def test_leaves_only_characters_that_latex_prints(self) -> None:
        assert escape_latex("px² × < – Δ|A∩B|").isascii()
