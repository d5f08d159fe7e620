"""The quality report as a researcher sees it, opened from disk without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.report import write_report
from tests.browser.chromium import Browser
from tests.data_prep.report.reports import make_picture_report, make_report, with_facts

pytestmark = pytest.mark.browser

_PHONE_PX, _DESK_PX = 390, 1280


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of 14 volumes: two of them stand out, one has no label."""
    report = make_report(14, unlabelled=[5], duplicates=(("case_001", "case_004"),), left_out=((14, "is damaged"),))
    report = with_facts(report, 2, foreground_px=(0, 1, 0, 1, 0, 0), mean_foreground=-500.0, warnings=("odd mean",))
    path = tmp_path_factory.mktemp("report") / "index.html"
    write_report(path, report)
    return path.as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Browser]:
    """The report on a desktop; whatever it writes to the console fails."""
    browser.errors()  # Takes what earlier pages wrote out of the console.
    resize(browser, _DESK_PX)
    browser.open("about:blank")
    browser.open(address)
    yield browser
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert browser.driver.get_log("browser") == []


def resize(browser: Browser, width_px: int, *, scheme: str = "light") -> None:
    sizes = {"width": width_px, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def picture_widths_px(browser: Browser) -> list[int]:
    """Widths of all pictures, each scrolled to, since those out of sight are not loaded."""
    widths = []
    for image in browser.all("article img"):
        browser.driver.execute_script("arguments[0].scrollIntoView()", image)
        browser.until(lambda image=image: int(image.get_attribute("naturalWidth") or 0), "a picture with pixels")
        widths.append(int(image.get_attribute("naturalWidth") or 0))
    return widths


def cases(browser: Browser) -> tuple[list[str], list[str]]:
    """Names in the index and names of the cards, those that are shown, in order."""
    rows = [row.get_attribute("data-case") for row in browser.all(".index tbody tr") if row.is_displayed()]
    cards = [article.get_attribute("id") for article in browser.all("article") if article.is_displayed()]
    return [str(name) for name in rows], [str(name) for name in cards]


def is_wider_than_window(browser: Browser) -> bool:
    script = "return document.documentElement.scrollWidth > window.innerWidth"
    return bool(browser.driver.execute_script(script))


def press_heading(browser: Browser, title: str) -> None:
    browser.press(lambda: [b for b in browser.all(".index th button") if title in b.text], title)


def name(index: int) -> str:
    return f"case_{index:03d}"


class TestPictures:
    def test_all_load(self, page: Browser) -> None:
        # 24 x 40 x 30 mm: panels of 154 x 256, 205 x 256 and 256 x 192 pixels, and two gaps of 8.
        assert picture_widths_px(page) == [154 + 205 + 256 + 16] * 14

    def test_of_pictures_stand_side_by_side(self, page: Browser, tmp_path: Path) -> None:
        write_report(tmp_path / "index.html", make_picture_report(6))
        page.open((tmp_path / "index.html").as_uri())
        assert picture_widths_px(page) == [384] * 6
        places = [article.rect for article in page.all("article")]
        assert places[0]["y"] == places[1]["y"]
        assert places[0]["x"] + places[0]["width"] <= places[1]["x"]


class TestLayout:
    @pytest.mark.parametrize("width_px", [_PHONE_PX, 700, _DESK_PX])
    def test_never_scrolls_sideways(self, page: Browser, width_px: int) -> None:
        resize(page, width_px)
        assert not is_wider_than_window(page)

    def test_pictures_of_patients_fit_a_phone(self, page: Browser) -> None:
        resize(page, _PHONE_PX)
        assert max(image.rect["width"] for image in page.all("article img")) <= _PHONE_PX

    def test_is_dark_where_a_person_prefers_that(self, page: Browser) -> None:
        brightness = []
        for scheme in ("light", "dark"):
            resize(page, _DESK_PX, scheme=scheme)
            colours = "return ['backgroundColor', 'color'].map(key => getComputedStyle(document.body)[key])"
            brightness.append([sum(map(int, rgb[4:-1].split(","))) for rgb in page.driver.execute_script(colours)])
        (paper, ink), (dark_paper, light_ink) = brightness
        assert paper > 600 > 200 > ink
        assert dark_paper < 200 < 600 < light_ink

    def test_findings_come_before_the_charts(self, page: Browser) -> None:
        first = page.text.index("Look at this first")
        assert first < page.text.index("Case 14 of the source (counted from 0): is damaged")
        assert page.text.index("Odd mean") < page.text.index("Over all cases")


class TestIndex:
    def test_a_heading_sorts_rows_and_cards(self, page: Browser) -> None:
        press_heading(page, "Foreground mean")
        rows, cards = cases(page)
        # Means are 100 + i mod 10, the odd one -500; equal ones stay in order, and none comes last.
        assert rows == [name(i) for i in (2, 0, 10, 1, 11, 12, 3, 13, 4, 6, 7, 8, 9, 5)]
        assert cards == rows
        press_heading(page, "Foreground mean")
        assert cases(page)[0] == [name(i) for i in (9, 8, 7, 6, 4, 3, 13, 12, 1, 11, 0, 10, 2, 5)]
        assert [e.get_attribute("aria-sort") for e in page.all(".index th[aria-sort]")] == ["descending"]

    def test_text_sorts_by_name(self, page: Browser) -> None:
        press_heading(page, "Case")
        press_heading(page, "Case")
        assert cases(page)[0] == [name(i) for i in reversed(range(14))]

    def test_sorts_by_keyboard(self, page: Browser) -> None:
        press = "arguments[0].focus(); return document.activeElement === arguments[0]"
        heading = page.all(".index th button")[0]
        assert page.driver.execute_script(press, heading)
        heading.send_keys("\n")
        heading.send_keys(" ")
        assert cases(page)[0][0] == name(13)

    def test_search_and_marks_filter_rows_and_cards(self, page: Browser) -> None:
        page.all("input[type=search]")[0].send_keys("g01")
        expected = [name(i) for i in range(14) if i % 3 == 1]
        assert cases(page) == (expected, expected)
        page.click("input[type=checkbox]")
        assert cases(page)[0] == [name(1), name(4)]
        assert page.texts("output") == ["2 of 14 cases, here and below"]

    def test_link_to_a_case_that_is_filtered_out_brings_it_back(self, page: Browser) -> None:
        page.all("input[type=search]")[0].send_keys("g00")
        assert name(2) not in cases(page)[1]
        next(link for link in page.all(".findings a") if link.text == name(2)).send_keys("\n")
        page.until(lambda: len(cases(page)[1]) == 14, "all cases")
        top = "return document.getElementById('case_002').getBoundingClientRect().top"
        page.until(lambda: 0 <= page.driver.execute_script(top) < 400, "the case in sight")

    def test_works_without_script(self, page: Browser, address: str) -> None:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            page.open(address)
            page.wait_for_text("Look at this first", name(13))
            assert len(page.all(".index tbody tr a")) == 14
            assert not page.all(".index button")
            assert not any(control.is_displayed() for control in page.all(".controls"))
        finally:
            page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


class TestCharts:
    def test_a_cell_leads_to_its_case(self, page: Browser) -> None:
        cell = page.all(".figures a[href='#case_002'] rect.odd")[0]
        cell.click()
        assert page.driver.current_url.endswith("#case_002")

    def test_every_chart_is_drawn(self, page: Browser) -> None:
        for chart in page.all(".figures svg, .charts svg"):
            page.driver.execute_script("arguments[0].scrollIntoView()", chart)
            assert chart.rect["width"] > 100
            assert chart.rect["height"] > 20
