"""A study's report as a researcher sees it, opened from disk without a network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medseg.report import places, write_report
from tests.browser.chromium import Browser
from tests.medseg.studies import make_study

pytestmark = pytest.mark.browser

_WIDTHS_PX = (390, 800, 1280)
_SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of four networks on twelve pictures of three blocks, with every chart and picture."""
    root = tmp_path_factory.mktemp("study")
    study = make_study(root, cases=12, size=(96, 80))
    write_report(places(study.folder, work=study.work, data=study.manifest.root, output=root / "report"))
    return (root / "report" / "index.html").as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Browser]:
    """The report on a desktop; whatever it writes to the console fails."""
    browser.errors()  # Takes what earlier pages wrote out of the console.
    resize(browser, _WIDTHS_PX[-1])
    browser.open("about:blank")
    browser.open(address)
    yield browser
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert browser.driver.get_log("browser") == []


def resize(browser: Browser, width_px: int, *, scheme: str = "light", medium: str = "screen") -> None:
    sizes = {"width": width_px, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})


def colours(browser: Browser, selector: str, *names: str) -> list[list[int]]:
    """Computed colours of the first element that a selector finds."""
    script = (
        "const style = getComputedStyle(document.querySelector(arguments[0]));"
        " return arguments[1].map(name => style[name])"
    )
    return [numbers(colour) for colour in browser.driver.execute_script(script, selector, names)]


def numbers(colour: str) -> list[int]:
    return [int(part) for part in colour.split("(")[1].rstrip(")").split(",")[:3]]


def top_px(browser: Browser, name: str) -> float:
    """Where an element begins, below the upper edge of the window."""
    script = "return document.getElementById(arguments[0]).getBoundingClientRect().top"
    return float(browser.driver.execute_script(script, name))


class TestLayout:
    @pytest.mark.parametrize("scheme", _SCHEMES)
    @pytest.mark.parametrize("width_px", _WIDTHS_PX)
    def test_never_scrolls_sideways(self, page: Browser, width_px: int, scheme: str) -> None:
        resize(page, width_px, scheme=scheme)
        wide = page.driver.execute_script(
            "return [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, svg, pre, .skip')"
            " && e.getBoundingClientRect().right > window.innerWidth + 0.5).map(e => e.outerHTML.slice(0, 80))"
        )
        assert wide == []
        assert not page.driver.execute_script("return document.documentElement.scrollWidth > window.innerWidth")

    @pytest.mark.parametrize("width_px", _WIDTHS_PX)
    def test_answer_and_its_chart_are_on_the_first_screen(self, page: Browser, width_px: int) -> None:
        resize(page, width_px)
        assert page.all(".verdict")[0].rect["y"] < 450
        if width_px == _WIDTHS_PX[-1]:
            assert page.all("#figure-differences svg")[0].rect["y"] < 500

    @pytest.mark.parametrize("width_px", _WIDTHS_PX)
    def test_texts_of_charts_are_legible_and_within_them(self, page: Browser, width_px: int) -> None:
        resize(page, width_px)
        outside = page.driver.execute_script(
            "return [...document.querySelectorAll('svg')].flatMap(svg => { const box = svg.getBoundingClientRect();"
            " return [...svg.querySelectorAll('text')].filter(t => { const r = t.getBoundingClientRect();"
            " return r.left < box.left - 2 || r.right > box.right + 2 || r.height < 8 }).map(t => t.textContent) })"
        )
        assert outside == []

    def test_is_dark_where_a_person_prefers_that(self, page: Browser) -> None:
        brightness = []
        for scheme in _SCHEMES:
            resize(page, _WIDTHS_PX[-1], scheme=scheme)
            body = colours(page, "body", "backgroundColor", "color")
            chart = colours(page, "#figure-cases svg text", "fill")
            background = colours(page, "#figure-cases svg path", "fill")
            brightness.append([sum(colour) for colour in (*body, *chart, *background)])
        (paper, ink, text, chart), (dark_paper, light_ink, light_text, dark_chart) = brightness
        assert paper == chart > 600 > 300 > max(ink, text)
        assert dark_paper == dark_chart < 200 < 400 < min(light_ink, light_text)

    def test_prints_in_light_with_every_table_whole(self, page: Browser) -> None:
        resize(page, _WIDTHS_PX[-1], scheme="dark", medium="print")
        assert sum(colours(page, "body", "backgroundColor")[0]) > 600
        assert not page.all("nav")[0].is_displayed()
        overflow = "return [...document.querySelectorAll('.scroll')].map(e => getComputedStyle(e).overflowX)"
        assert set(page.driver.execute_script(overflow)) == {"visible"}


class TestContent:
    def test_all_pictures_load(self, page: Browser) -> None:
        images = page.all(".panels img")
        assert len(images) == 18
        for image in images:
            page.driver.execute_script("arguments[0].scrollIntoView()", image)
            page.until(lambda image=image: int(image.get_attribute("naturalWidth") or 0) == 96, "a picture with pixels")

    def test_all_links_lead_to_what_is_shown(self, page: Browser) -> None:
        links = page.all("nav a")
        assert len(links) == 10
        for link in links:
            target = str(link.get_attribute("href")).split("#")[1]
            link.click()
            page.until(lambda target=target: -5 <= top_px(page, target) < 900, f"{target} in sight")

    def test_everything_that_scrolls_is_reached_by_keyboard(self, page: Browser) -> None:
        focus = "arguments[0].focus(); return document.activeElement === arguments[0]"
        for element in page.all("nav a, .scroll, pre"):
            assert page.driver.execute_script(focus, element)
            outline = "return getComputedStyle(arguments[0]).outlineStyle"
            assert page.driver.execute_script(outline, element) != "none" or element.tag_name != "a"

    def test_charts_have_names_that_readers_are_told(self, page: Browser) -> None:
        tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        named = [node["name"]["value"] for node in tree if node.get("role", {}).get("value") == "image"]
        charts = len(page.all("svg"))
        assert len([name for name in named if name]) == len(named) == charts + 18
