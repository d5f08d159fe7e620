from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from PIL import Image

from medseg.report.drawing import Plot, drawing, inline_svg, new_figure, save_plot


def make_plot(name: str = "chart") -> Plot:
    with drawing():
        figure = new_figure()
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], marker="o", color="#0072b2", label="a_b")
        axes.set_xlabel("x < 3 & more")
        figure.legend(loc="outside lower center")
        return Plot(name, "A <title>", "caption", "what is & to be seen", figure)


class TestInlineSvg:
    def test_is_well_formed_and_named_for_screen_readers(self) -> None:
        with drawing():
            root = ET.fromstring(inline_svg(make_plot()))
        assert root.get("role") == "img"
        named = {element.get("id"): element.text for element in root if element.tag.endswith(("title", "desc"))}
        assert named == {"chart-title": "A <title>", "chart-desc": "what is & to be seen"}
        assert root.get("aria-labelledby") == "chart-title chart-desc"

    def test_text_stays_text(self) -> None:
        with drawing():
            root = ET.fromstring(inline_svg(make_plot()))
        texts = ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("text")]
        assert "x < 3 & more" in texts

    def test_follows_the_page(self) -> None:
        with drawing():
            svg = inline_svg(make_plot())
        assert {"var(--paper)", "var(--ink)", "var(--dim)", "var(--line)"} <= set(re.findall(r"var\(--\w+\)", svg))
        assert "#1b1f24" not in svg
        assert "<style" not in svg
        assert "<metadata" not in svg

    def test_refers_to_ids_of_its_own_alone(self) -> None:
        with drawing():
            svg = inline_svg(make_plot("first"))
        ids = re.findall(r'\bid="([^"]+)"', svg)
        used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)
        assert used
        assert all((a or b) in ids for a, b in used)
        assert all(name.startswith("first-") for name in ids)
        assert len(ids) == len(set(ids))


class TestSavePlot:
    def test_writes_both_kinds_with_the_same_bytes_each_time(self, tmp_path: Path) -> None:
        with drawing():
            for folder in ("a", "b"):
                save_plot(tmp_path / folder, make_plot())
        for name in ("chart.svg", "chart.png"):
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        with Image.open(tmp_path / "a" / "chart.png") as image:
            assert image.size == (900, 640)
        assert "var(--" not in (tmp_path / "a" / "chart.svg").read_text()
