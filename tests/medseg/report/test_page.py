"""The page as its markup, without a browser."""

from __future__ import annotations

import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from medseg.report.content import Report
from medseg.report.drawing import drawing
from medseg.report.page import write_page
from tests.factories import edit_json
from tests.medseg.studies import MadeStudy, make_content, make_study

# Elements that HTML never closes.
_VOID = {"meta", "link", "img", "wbr"}


class Outline(HTMLParser):
    """What a page is made of: open elements must close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(int(tag[1]))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.elements if "id" in attributes]


@pytest.fixture(scope="session")
def page(report: Report, report_dir: Path) -> Outline:
    return Outline((report_dir / "index.html").read_text(encoding="utf-8"))


class TestPage:
    def test_answers_first(self, page: Outline, report: Report) -> None:
        assert page.text.index(report.verdict) < page.text.index("What was compared") < page.text.index("mIoU")

    def test_says_what_was_compared(self, page: Outline, pictures: MadeStudy) -> None:
        text = " ".join(page.text.split())
        assert f"fingerprint {pictures.manifest.fingerprint[:12]}" in text
        assert "6 images of 3 blocks" in text
        assert "group, 3 folds folds 0 to 2: groups stay whole" in text
        assert "Nothing is missing" in text

    def test_asks_nothing_of_anywhere(self, report: Report, report_dir: Path) -> None:
        text = (report_dir / "index.html").read_text(encoding="utf-8")
        assert "<script" not in text
        addresses = re.findall(r'(?:src|href)="([^"#][^"]*)"', text)
        assert addresses
        assert all(address.startswith("data:") for address in addresses)
        assert not re.search(r"url\((?!#)", text)
        assert "default-src 'none'" in text

    def test_ids_are_unique_and_all_links_lead_somewhere(self, page: Outline) -> None:
        assert len(page.ids) == len(set(page.ids))
        targets = [str(link["href"])[1:] for link in page.all("a")]
        assert len(targets) > 8
        assert set(targets) <= set(page.ids)
        named = " ".join(str(attributes.get("aria-labelledby", "")) for _, attributes in page.elements).split()
        assert set(named) <= set(page.ids)

    def test_headings_skip_no_level(self, page: Outline) -> None:
        assert page.headings[0] == 1
        assert page.headings.count(1) == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(page.headings))

    def test_tables_have_captions_and_scopes(self, page: Outline, report: Report) -> None:
        assert len(page.all("table")) == len(page.all("caption")) == len(report.tables)
        assert {attributes.get("scope") for attributes in page.all("th")} == {"col", "row"}

    def test_charts_and_pictures_have_words(self, page: Outline, report: Report) -> None:
        assert len(page.all("svg")) == len(report.plots)
        assert all(svg["role"] == "img" and svg["aria-labelledby"] for svg in page.all("svg"))
        images = page.all("img")
        assert len(images) == sum(len(row.panels) for row in report.pictures) == 18
        assert all(image["alt"] for image in images)
        for image in images:
            data = b64decode(str(image["src"]).removeprefix("data:image/png;base64,"))
            with Image.open(BytesIO(data)) as opened:
                assert opened.size == (int(str(image["width"])), int(str(image["height"])))

    def test_long_names_may_break_and_stay_whole_as_text(self, page: Outline, report_dir: Path) -> None:
        assert "unet_early_skip_concat" in page.text
        assert "unet_<wbr>early_<wbr>skip_<wbr>concat" in (report_dir / "index.html").read_text(encoding="utf-8")

    def test_names_are_escaped(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        for network in ("unet", "fcn8s"):
            for folder in study.results(network):
                edit_json(folder / "run.json", lambda facts: facts.update(dataset="<b>&set", foreground="<i>"))
        with drawing():
            write_page(tmp_path / "index.html", make_content(study))
        text = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert "&lt;b&gt;&amp;set" in text
        assert "<b>&set" not in text
        Outline(text)

    def test_leaky_split_is_marked(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,), data={"method": "random"})
        with drawing():
            write_page(tmp_path / "index.html", make_content(study))
        text = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert 'class="badge">LEAKY' in text
        assert "all scores are too good" in text

    def test_what_is_missing_is_marked(self, tmp_path: Path) -> None:
        study = make_study(tmp_path, networks=("unet", "fcn8s"), seeds=(0,))
        for file in study.result("fcn8s", fold=1).iterdir():
            file.unlink()
        study.result("fcn8s", fold=1).rmdir()
        with drawing():
            write_page(tmp_path / "index.html", make_content(study))
        text = " ".join(Outline((tmp_path / "index.html").read_text(encoding="utf-8")).text.split())
        assert "INCOMPLETE 5 the study has more, named below" in text
        assert "Missing Not finished: fcn8s, fold 1, seed 0." in text
        assert "disc_001; disc_004" in text
