"""What stays of finished trainings, and what is deleted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medseg.study.child import Claim
from medseg.study.kept import tidy_finished
from medseg.study.training import Attempt, Outcome
from tests.medseg.study.attempts import RUN, attempt, best, finished, setting


def test_the_best_weights_are_those_of_the_highest_score(tmp_path: Path) -> None:
    for seed, dice in enumerate((0.5, 0.75, 0.25)):
        run = replace(RUN, seed=seed)
        finished(tmp_path, run, dice=(dice,))
        assert attempt(tmp_path, run).state == "done"
    assert best(tmp_path) == ({"key": replace(RUN, seed=1).key, "dice": 0.75}, [0.75])


def test_better_weights_of_other_settings_are_not_the_best_ones(tmp_path: Path) -> None:
    """The plan's epochs were changed: only trainings of the plan are compared, by their own."""
    before = replace(RUN, config_sha256="d" * 64)
    for run, dice in ((before, 0.75), (RUN, 0.5)):
        finished(tmp_path, run, dice=(dice,))
        assert attempt(tmp_path, run).state == "done"
    assert best(tmp_path) == ({"key": RUN.key, "dice": 0.5}, [0.5])


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"key": 3, "dice": 1}'])
def test_a_damaged_record_of_the_best_is_made_anew(tmp_path: Path, text: str) -> None:
    finished(tmp_path, dice=(0.5,))
    record = setting(tmp_path).work.best_weights("unet").with_name("best.json")
    record.parent.mkdir(parents=True)
    record.write_text(text)
    assert attempt(tmp_path).state == "done"
    assert best(tmp_path)[0] == {"key": RUN.key, "dice": 0.5}


def test_weights_that_another_call_was_asked_to_keep_stay(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    Attempt(RUN, replace(setting(tmp_path), keep_weights=True))
    assert attempt(tmp_path) == Outcome(RUN, "done", "by another process")
    assert folder.weights("last").is_file()


class TestTidyFinished:
    @pytest.mark.parametrize("keep_weights", [False, True])
    def test_what_was_begun_here_and_finished_elsewhere_is_deleted(self, tmp_path: Path, keep_weights: bool) -> None:
        folder, work = finished(tmp_path, epochs_done=1), setting(tmp_path).work
        tidy_finished([RUN], work, keep_weights=keep_weights)
        assert not folder.checkpoint.exists()
        assert folder.weights("last").exists() == keep_weights

    def test_weights_that_were_asked_for_stay(self, tmp_path: Path) -> None:
        folder = finished(tmp_path)
        Attempt(RUN, replace(setting(tmp_path), keep_weights=True))
        assert not folder.checkpoint.exists()
        tidy_finished([RUN], setting(tmp_path).work, keep_weights=False)
        assert folder.weights("last").exists()

    def test_what_another_process_is_at_stays(self, tmp_path: Path) -> None:
        folder, work = finished(tmp_path), setting(tmp_path).work
        claim = Claim.take(work.lock(RUN.key))
        assert claim is not None
        tidy_finished([RUN], work, keep_weights=False)
        assert folder.checkpoint.exists()
        claim.release()
        tidy_finished([RUN], work, keep_weights=False)
        assert not folder.checkpoint.exists()
