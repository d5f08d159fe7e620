from __future__ import annotations

import errno
import logging

import pytest

from medseg.bundle.one_line import _cut_worker_trace, known_cause, print_error
from medseg.errors import MedsegError, UsageError


def wrapped(cause: Exception) -> Exception:
    """``cause`` as MONAI hands it on."""
    try:
        try:
            raise cause
        except Exception as error:
            raise RuntimeError("applying transform") from error
    except RuntimeError as error:
        return error


class TestKnownCause:
    def test_ours_is_found_below_monai_s(self) -> None:
        cause = UsageError("fold must be 0 to 2, got 3")
        assert known_cause(wrapped(cause)) is cause

    @pytest.mark.parametrize(
        ("raised", "known_as"),
        [
            ("medseg.errors.MedsegError", MedsegError),
            ("medseg.errors.UsageError", UsageError),
            ("medseg.errors.SourceError", MedsegError),
            ("medseg.io.dicom.series.DicomSeriesError", MedsegError),
        ],
    )
    def test_ours_is_read_from_a_loader_worker_s_text(self, raised: str, known_as: type[MedsegError]) -> None:
        text = (
            "Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
            f"{raised}: a.nii: must be whole\n\nThe above exception was the direct cause\n"
        )
        known = known_cause(wrapped(RuntimeError(text)))
        assert (type(known), str(known)) == (known_as, "a.nii: must be whole")

    def test_argument_that_a_component_does_not_have_is_wrong_usage(self) -> None:
        known = known_cause(wrapped(TypeError("Trainer() got an unexpected keyword argument 'max_epoch'")))
        assert isinstance(known, UsageError)
        assert str(known).endswith("Trainer() got an unexpected keyword argument 'max_epoch'")

    def test_full_disk_is_told_of_with_the_file(self) -> None:
        error = RuntimeError("Failed to run expression")
        error.__cause__ = OSError(errno.ENOSPC, "No space left on device", "runs/unet/last.pt")
        known = known_cause(error)
        assert str(known) == (
            "runs/unet/last.pt: must be written, got No space left on device; make room, then go on with a training by"
            " --resume RUN"
        )
        assert known is not None
        assert known.exit_status == 1
        assert known_cause(OSError(errno.ENOENT, "No such file or directory")) is None

    def test_other_errors_are_unknown(self) -> None:
        assert known_cause(wrapped(ValueError("a bug"))) is None
        assert known_cause(None) is None


class TestPrintError:
    def test_first_process_prints_a_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_error(MedsegError("a.nii: must be whole"))
        assert capsys.readouterr().err == "error: a.nii: must be whole\n"

    def test_others_are_silent(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RANK", "1")
        print_error(MedsegError("a.nii: must be whole"))
        assert capsys.readouterr().err == ""


class TestCutWorkerTrace:
    def test_traceback_of_a_worker_is_cut(self) -> None:
        text = "ended: Caught RuntimeError in worker 0.\nOriginal Traceback (most recent call last):\n  File ..."
        record = logging.LogRecord("ignite", logging.ERROR, "", 1, "%s", (text,), None)
        assert _cut_worker_trace(record)
        assert record.getMessage() == "ended: Caught RuntimeError in worker 0."

    def test_other_records_pass(self) -> None:
        record = logging.LogRecord("ignite", logging.INFO, "", 1, "epoch %d\nof 3", (1,), None)
        assert _cut_worker_trace(record)
        assert record.getMessage() == "epoch 1\nof 3"
