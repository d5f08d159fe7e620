from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.report import ReportFacts, write_report
from medseg.manifest import Fold, Split
from tests.data_prep.report.html import Element, read_html
from tests.data_prep.report.reports import make_picture_report, make_report, with_facts


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(tmp_path / "report" / "index.html")


class Page:
    """Writes a report and reads it as a tree."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def of(self, report: ReportFacts) -> Element:
        write_report(self.path, report)
        return read_html(self.path.read_text(encoding="utf-8"))


def headlines(document: Element) -> dict[str, str]:
    return {
        fact.one("dt").text: fact.one("dd").text
        for fact in document.one("dl", class_="headlines").children
        if isinstance(fact, Element)
    }


def card(document: Element, name: str) -> Element:
    return document.one("article", id=name)


def card_facts(document: Element, name: str) -> dict[str, str]:
    facts = card(document, name).one("dl")
    return dict(zip((e.text for e in facts.all("dt")), (e.text for e in facts.all("dd")), strict=True))


def rows(document: Element, section: str) -> list[list[str]]:
    body = document.one("section", id=section).one("tbody")
    return [[cell.text for cell in row.all("td")] for row in body.all("tr")]


def with_manifest(report: ReportFacts, **changes: Any) -> ReportFacts:
    return replace(report, manifest=replace(report.manifest, **changes))


class TestPage:
    def test_stands_alone(self, page: Page) -> None:
        document = page.of(make_report(6))
        # Base64 of pictures may hold two slashes.
        text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page.path.read_text(encoding="utf-8"))
        assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
        addresses = [
            element.attributes[attribute]
            for tag, attribute in (("img", "src"), ("link", "href"), ("use", "href"), ("a", "href"))
            for element in document.all(tag)
        ]
        assert len(addresses) > 12
        assert {re.match("data:|#", address)[0] for address in addresses} == {"data:", "#"}  # type: ignore[index]
        assert not [script for script in document.all("script") if script.attributes]
        policy = document.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
        assert policy.startswith("default-src 'none';")

    def test_same_facts_give_the_same_bytes(self, page: Page) -> None:
        page.of(make_report(6))
        first = page.path.read_bytes()
        page.of(make_report(6))
        assert page.path.read_bytes() == first

    def test_is_written_whole_or_not_at_all(self, page: Page) -> None:
        page.of(make_report(2, groups=2))
        before = page.path.read_bytes()
        pictures = {"case_000": make_report(1, groups=1).pictures("case_000")}
        with pytest.raises(KeyError, match="case_001"):
            page.of(replace(make_report(2, groups=2), pictures=pictures.__getitem__))
        assert page.path.read_bytes() == before
        assert list(page.path.parent.iterdir()) == [page.path]

    def test_every_link_leads_to_a_part_of_the_page(self, page: Page) -> None:
        report = with_facts(make_report(8, duplicates=(("case_001", "case_002"),)), 3, spacing_mm=(1.0, 2.0, 1.0))
        document = page.of(report)
        ids = [
            e.attributes["id"]
            for tag in ("section", "article", "path")
            for e in document.all(tag)
            if "id" in e.attributes
        ]
        assert len(ids) == len(set(ids))
        links = {e.attributes["href"] for tag in ("a", "use") for e in document.all(tag)}
        assert links == {f"#{id_}" for id_ in ids}

    def test_names_are_escaped(self, page: Page) -> None:
        odd = "<script>alert('&amp;')</script>\""
        report = with_manifest(make_report(6), name=odd, foreground=odd, layout=odd)
        report = replace(report, warnings=((odd, ("case_000",)),), notes=(odd,), left_out=((6, odd),))
        report = with_facts(report, 1, decisions=(odd,), source_axes=odd)
        document = page.of(report)
        assert document.one("h1").text == odd
        assert odd in headlines(document)["Foreground"]
        assert [e.text for e in card(document, "case_000").all("li")] == [odd]
        assert card_facts(document, "case_001")["Decision"] == odd
        # Title, heading, two below it, headline, left out, warning, note, one at case_000, two at case_001.
        assert document.text.count("alert(") == 11
        assert len(document.all("script")) == 1

    def test_three_hundred_cases_stay_small(self, page: Page) -> None:
        report = make_report(300, groups=60)
        document = page.of(report)
        assert len(document.all("article")) == len(document.one("table", class_="index").all("tr")) - 1 == 300
        pictures = sum(len(base64.b64encode(report.pictures(case.name))) for case, _ in report.cases)
        assert page.path.stat().st_size - pictures < 300 * 7_000


class TestHeadlines:
    def test_say_what_there_is(self, page: Page) -> None:
        report = make_report(6, unlabelled=[5], left_out=((6, "is damaged"),))
        facts = headlines(page.of(report))
        assert facts["Cases"] == "6 1 without label, 1 left out"
        assert facts["Patients or other groups"] == "3 2 cases a group"
        assert facts["Slices"] == "36 20 with foreground, 66.7 % of the labelled"
        # 6 x 5 x 4 of 24 x 20 x 6 voxels.
        assert facts["Foreground"] == "box 4.17 % of the voxels; 1.2 mL a case"
        assert facts["Size, x × y × z"] == "24 × 20 × 6 RAS+"
        assert facts["Spacing"] == "1 to 2 mm in plane 5 mm between slices"
        assert facts["Intensity"].startswith("−1,000 to 105 HU int16; 0.5 to 99.5 %: ")
        assert facts["Split"] == "3 folds groups stay whole, seed 0"
        assert report.manifest.fingerprint in page.path.read_text(encoding="utf-8")

    def test_pictures_have_pixels(self, page: Page) -> None:
        document = page.of(make_picture_report(6))
        facts = headlines(document)
        assert facts["Foreground"] == "box 6.25 % of the pixels"
        assert facts["Size, x × y"] == "24 × 20 x = column, y = row"
        assert facts["Spacing"] == "not known so sizes and areas are in pixels"
        assert "Slices" not in facts
        assert not re.search(r"\bmL\b|\bmm\b|\bHU\b", document.one("main").text)

    def test_pictures_of_patients_say_how_they_were_turned(self, page: Page) -> None:
        facts = headlines(page.of(with_manifest(make_picture_report(6), orientation="LA")))
        assert facts["Size, x × y"] == "24 × 20 columns ran to L, rows to A; now RAS+"

    def test_random_split_is_leaky(self, page: Page) -> None:
        report = with_manifest(make_report(6), split=Split("random", 3, 3))
        document = page.of(report)
        assert headlines(document)["Split"] == "LEAKY 3 folds, random patients may stand on both sides"
        assert [e.one("dt").text for e in document.all("div", class_="alarming")] == ["Split"]

    def test_without_folds_says_so(self, page: Page) -> None:
        document = page.of(with_manifest(make_report(6), split=Split("group", 0, 0), folds=()))
        assert headlines(document)["Split"] == "no folds nothing to separate"
        assert "There are no folds" in document.one("section", id="folds").text


class TestFirst:
    def test_stands_before_everything_else(self, page: Page) -> None:
        sections = [e.attributes["id"] for e in page.of(make_report(6)).all("section")]
        assert sections == ["first", "overall", "folds", "index", "cases"]

    def test_lists_findings_with_links(self, page: Page) -> None:
        report = make_report(6, warnings=(("masks without foreground", ("case_001", "case_002")),))
        section = page.of(report).one("section", id="first")
        assert section.one("ul", class_="findings").text == "Warning Masks without foreground case_001 case_002"
        assert [e.attributes["href"] for e in section.one("ul", class_="chips").all("a")] == ["#case_001", "#case_002"]

    def test_many_cases_are_folded_away(self, page: Page) -> None:
        names = tuple(f"case_{index:03d}" for index in range(15))
        section = page.of(make_report(15, warnings=(("odd", names),))).one("section", id="first")
        assert section.one("summary").text == "3 more"
        assert [e.text for e in section.one("details").all("a")] == ["case_012", "case_013", "case_014"]

    def test_says_when_nothing_stands_out(self, page: Page) -> None:
        assert "no warnings and no outliers." in page.of(make_report(6)).one("section", id="first").text
        assert "no warnings." in page.of(make_report(4)).one("section", id="first").text

    def test_states_its_rule(self, page: Page) -> None:
        assert "modified z-score above 3.5 or below −3.5" in page.of(make_report(6)).one("section", id="first").text


class TestFigures:
    def test_each_measure_has_a_chart_or_a_sentence(self, page: Page) -> None:
        report = with_facts(make_report(6), 2, spacing_mm=(1.0, 2.0, 1.0))
        figures = page.of(report).one("section", id="overall").one("div", class_="figures").all("figure")
        captions = {figure.one("h3").text: figure.one("figcaption").text for figure in figures}
        assert captions["Slice spacing, mm"] == "6 cases: 1 to 5, median 5; 1 outlier."
        assert captions["Slices"] == "6 cases: 6."
        assert captions["All values, HU"].endswith("Each mark is a case's foreground mean: 100 to 105.")
        charts = {figure.one("h3").text: len(figure.all("svg")) for figure in figures}
        assert (charts["Slice spacing, mm"], charts["Slices"]) == (1, 0)

    def test_notes_say_how_it_was_prepared(self, page: Page) -> None:
        section = page.of(make_report(6, notes=("spacing: kept",))).one("section", id="overall")
        assert "spacing: kept" in [e.text for e in section.all("li")]


class TestFolds:
    def test_name_groups_cases_and_foreground(self, page: Page) -> None:
        assert rows(page.of(make_report(5, groups=2)), "folds") == [
            ["0", "g00", "3", "18", "3.6 mL", "60 %", "2"],
            ["1", "g01", "2", "12", "2.4 mL", "40 %", "3"],
        ]

    def test_pictures_count_pixels(self, page: Page) -> None:
        assert rows(page.of(make_picture_report(5, groups=2)), "folds") == [
            ["0", "g00", "3", "90 px", "60 %", "2"],
            ["1", "g01", "2", "60 px", "40 %", "3"],
        ]

    def test_groups_on_both_sides_are_marked(self, page: Page) -> None:
        names = [f"case_{index:03d}" for index in range(6)]
        folds = (Fold(tuple(names[2:]), tuple(names[:2])), Fold(tuple(names[:2]), tuple(names[2:])))
        report = with_manifest(make_report(6), folds=folds, split=Split("contiguous", 0, 2))
        # Cases 0 and 1 are of g00 and g01, as are 3 and 4.
        assert [row[1] for row in rows(page.of(report), "folds")] == [
            "g00, g01 Both sides also trained on: g00, g01",
            "g00, g01, g02 Both sides also trained on: g00, g01",
        ]


class TestIndex:
    def test_has_a_row_a_case_with_sortable_keys(self, page: Page) -> None:
        report = with_facts(make_report(6, unlabelled=[5]), 1, warnings=("odd",))
        document = page.of(report)
        assert rows(document, "index")[1] == [
            *("case_001", "g01", "1", "24 × 20 × 6", "1 × 2 × 5", "1.2", "4.17 %", "101", "4 of 6", "1"),
        ]
        keys = [
            [cell.attributes["data-key"] for cell in row.all("td")]
            for row in document.one("table", class_="index").one("tbody").all("tr")
        ]
        assert keys[1][:6] == ["case_001", "g01", "1", "2880", "10.0", "1.2"]
        assert keys[5][2:] == ["", "2880", "10.0", "", "", "", "", "0"]
        headings = [e.text for e in document.one("table", class_="index").all("th")]
        assert headings[5:] == ["Foreground, mL", "Share", "Foreground mean, HU", "Foreground slices", "To look at"]

    def test_case_without_label_says_so(self, page: Page) -> None:
        row = rows(page.of(make_report(6, unlabelled=[5])), "index")[5]
        assert row[2:] == ["–", "24 × 20 × 6", "1 × 2 × 5", "no label", "–", "–", "–", ""]

    def test_pictures_have_pixels(self, page: Page) -> None:
        document = page.of(make_picture_report(6))
        assert rows(document, "index")[2] == ["case_002", "g02", "2", "24 × 20", "30", "6.25 %", "102", ""]


class TestCards:
    def test_every_case_has_its_picture_described(self, page: Page) -> None:
        report = make_report(6, unlabelled=[5])
        document = page.of(report)
        for index, (case, _) in enumerate(report.cases):
            image = card(document, case.name).one("img")
            encoded = image.attributes["src"].removeprefix("data:image/jpeg;base64,")
            assert base64.b64decode(encoded) == report.pictures(case.name)
            assert image.attributes["loading"] == "lazy"
            expected = "no label" if index == 5 else "with the contour of the foreground"
            assert image.attributes["alt"].startswith(f"{case.name}: axial, coronal and sagittal plane")
            assert image.attributes["alt"].endswith(expected)

    def test_facts_of_a_volume(self, page: Page) -> None:
        report = with_facts(make_report(6), 1, source_shape=(20, 24, 6), decisions=("tilt undone",), absent=(1,))
        document = page.of(report)
        facts = card_facts(document, "case_001")
        mean = facts.pop("Values")
        assert re.fullmatch(r"−1,000 to 101 HU, mean −\d\d\d; int16", mean)
        assert facts == {
            "Size": "24 × 20 × 6 voxels",
            "Spacing": "1 × 2 × 5 mm",
            "Extent": "24 × 40 × 30 mm",
            "Source": "20 × 24 × 6, axes LPS",
            "Foreground": "1.2 mL, 120 voxels, 4.17 %",
            "Foreground mean": "101 HU",
            "Foreground slices": "4 of 6, 1 to 4",
            "Label values": "1; item 2 of --foreground is absent",
            "Decision": "tilt undone",
        }
        assert card(document, "case_001").one("h3").text == "case_001 group g01, validated in fold 1"
        assert len(card(document, "case_001").all("svg")) == 2

    def test_facts_of_a_picture(self, page: Page) -> None:
        document = page.of(make_picture_report(6))
        assert {**card_facts(document, "case_001"), "Values": ""} == {
            "Size": "24 × 20 pixels",
            "Values": "",
            "Foreground": "30 pixels, 6.25 %",
            "Foreground mean": "101",
            "Label values": "1",
        }
        assert len(card(document, "case_001").all("svg")) == 1
        assert card(document, "case_001").one("img").attributes["alt"].startswith("case_001: image with")

    @pytest.mark.parametrize(
        ("foreground_px", "expected"),
        [
            ((0, 0, 0, 0, 0, 0), "none of 6"),
            ((0, 9, 0, 9, 9, 0), "3 of 6, 1 to 4; in 2 pieces"),
            ((9, 9, 0, 0, 0, 0), "2 of 6, 0 to 1; reaches the first slice"),
            ((9, 9, 9, 9, 9, 9), "6 of 6, 0 to 5; reaches the first and the last slice"),
        ],
    )
    def test_says_where_along_the_slices_the_foreground_lies(
        self, page: Page, foreground_px: tuple[int, ...], expected: str
    ) -> None:
        document = page.of(with_facts(make_report(2, groups=2), 0, foreground_px=foreground_px))
        assert card_facts(document, "case_000")["Foreground slices"] == expected

    def test_case_without_label_is_marked(self, page: Page) -> None:
        document = page.of(make_report(6, unlabelled=[5]))
        assert card(document, "case_005").one("h3").text == "case_005 group g02, in no fold no label"
        facts = card_facts(document, "case_005")
        assert facts["Foreground"] == "no label"
        assert not {"Foreground mean", "Foreground slices", "Label values"} & facts.keys()

    def test_empty_label_is_none(self, page: Page) -> None:
        report = with_facts(make_report(6), 0, foreground_px=(0,) * 6, mean_foreground=None)
        assert card_facts(page.of(report), "case_000")["Foreground"] == "none"

    def test_many_label_values_are_cut(self, page: Page) -> None:
        report = with_facts(make_report(6), 0, label_values=tuple(range(1, 105)))
        assert card_facts(page.of(report), "case_000")["Label values"] == (
            "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 92 more"
        )

    def test_what_stands_out_is_said_at_the_case(self, page: Page) -> None:
        report = make_report(6, duplicates=(("case_000", "case_003"),))
        report = with_facts(report, 0, warnings=("masks overlap",))
        document = page.of(report)
        assert [e.text for e in card(document, "case_000").all("li")] == ["The same image as case_003", "Masks overlap"]
        assert card(document, "case_001").all("li") == []
        assert "remarkable" in card(document, "case_000").attributes["class"]
