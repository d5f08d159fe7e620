"""Headless Chromium for tests that look at pages as a person does."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

Found = TypeVar("Found")

# What a page that is still drawing itself answers.
_NOT_YET = (StaleElementReferenceException, ElementNotInteractableException, ElementClickInterceptedException)
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # a container's root has no user namespace
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
    "--force-color-profile=srgb",
    # Nothing outside this machine is asked for anything: what a page wants from elsewhere fails at once.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def missing_programs() -> str:
    """What keeps a browser from starting, with the way out; empty where nothing does."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if not missing:
        return ""
    return f"{' and '.join(missing)} not found; on Debian: apt-get install chromium chromium-driver"


class Browser:
    """A window of headless Chromium with what its pages wrote to the console."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self._console: list[dict[str, Any]] = []

    def open(self, address: str) -> None:
        """Go to an address."""
        self.driver.get(address)

    def until(self, condition: Callable[[], Found], what: str, timeout: float = 30) -> Found:
        """Result of ``condition`` as soon as it is true; fails with ``what`` was waited for and what is on the page."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                found = condition()
            except _NOT_YET:
                found = None  # type: ignore[assignment]
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{what}: not within {timeout:.0f} s at {self.driver.current_url}\n{self.text[:3000]}"
                )
            time.sleep(0.1)

    @property
    def text(self) -> str:
        """Visible text of the page."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    def all(self, selector: str) -> list[WebElement]:
        """Elements by CSS selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Visible texts of :meth:`all`."""
        return [element.text for element in self.all(selector)]

    def wait_for_text(self, *texts: str, timeout: float = 30) -> None:
        """Wait until the page shows each of ``texts``."""
        for text in texts:
            self.until(lambda text=text: text in self.text, f"the text {text!r}", timeout)

    def press(self, find: Callable[[], list[WebElement]], what: str, timeout: float = 30) -> WebElement:
        """Click the first visible element that ``find`` gives, once it takes a click."""

        def pressed() -> WebElement | None:
            shown = [element for element in find() if element.is_displayed()]
            if not shown:
                return None
            shown[0].click()
            return shown[0]

        return self.until(pressed, f"something to click: {what}", timeout)  # type: ignore[return-value]

    def click(self, selector: str, timeout: float = 30) -> WebElement:
        """Click what a CSS selector finds."""
        return self.press(lambda: self.all(selector), selector, timeout)

    def click_text(self, text: str, tag: str = "*", timeout: float = 30) -> WebElement:
        """Click the innermost element that says exactly ``text``."""
        path = f"//{tag}[normalize-space(.)='{text}' and not(.//*[normalize-space(.)='{text}'])]"
        return self.press(lambda: self.driver.find_elements(By.XPATH, path), repr(text), timeout)

    def screenshot(self, path: Path) -> Path:
        """Save what the window shows as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(path))
        return path

    def errors(self, ignore: Sequence[str] = ()) -> list[str]:
        """Severe messages on the console so far that hold none of ``ignore``."""
        self._console += self.driver.get_log("browser")
        severe = [entry["message"] for entry in self._console if entry["level"] == "SEVERE"]
        return [message for message in severe if not any(part in message for part in ignore)]


@contextmanager
def start_browser(width_px: int = 1600, height_px: int = 1000) -> Iterator[Browser]:
    """A browser with a profile of its own, ended and forgotten afterwards."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium is not None, missing_programs()
    with TemporaryDirectory(prefix="chromium", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={width_px},{height_px}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(chromedriver))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
