from __future__ import annotations

import logging

import pytest

from medseg.once import warn_once


class TestWarnOnce:
    def test_each_message_is_logged_the_first_time_only(self, caplog: pytest.LogCaptureFixture) -> None:
        logger = logging.getLogger("tests.once")
        for message in ("100 % odd: a.nii", "100 % odd: b.nii", "100 % odd: a.nii"):
            warn_once(logger, message)
        assert [record.getMessage() for record in caplog.records] == ["100 % odd: a.nii", "100 % odd: b.nii"]
        assert {record.levelno for record in caplog.records} == {logging.WARNING}
