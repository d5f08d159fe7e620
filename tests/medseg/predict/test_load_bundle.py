from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from medseg.errors import MedsegError, UsageError
from medseg.io.atomic import write_json
from medseg.predict import SaveImageResultsd
from medseg.predict.load_bundle import load_bundle
from tests.bundles.known_networks import Threshold
from tests.factories import edit_json
from tests.medseg.predict.tiny_bundles import CT, GREY, tiny_bundle, write_nifti


class TestParts:
    def test_are_those_of_the_bundles_config(self, tmp_path: Path) -> None:
        bundle = load_bundle(tiny_bundle(tmp_path, gain=7.0), {})
        assert bundle.name == "tiny"
        assert bundle.weights == tmp_path / "tiny" / "models" / "model.pt"
        assert isinstance(bundle.network, Threshold)
        assert bundle.network.gain.item() == 7.0
        assert not bundle.network.training
        assert isinstance(bundle.to_results.transforms[-1], SaveImageResultsd)
        assert bundle.inferer.batch_size == 1

    def test_preprocessing_gives_what_the_network_was_trained_on(self, tmp_path: Path) -> None:
        bundle = load_bundle(tiny_bundle(tmp_path, facts={**GREY, "window": [0, 100]}), {})
        voxels = write_nifti(tmp_path / "a.nii")
        image = bundle.preprocessing({"image": str(tmp_path / "a.nii")})["image"]
        # The scan's columns run to the left, so RAS has them the other way round.
        expected = np.clip(voxels[::-1].astype(np.float32) / 50 - 1, -1, 1)
        np.testing.assert_allclose(image.numpy()[0], expected, atol=1e-6)

    def test_settings_are_what_decides_a_mask_in_json_types(self, tmp_path: Path) -> None:
        facts = {**CT, "threshold": 0.4, "image_size": [64, 32], "plane": "coronal", "spacing_mm": [1, 1, 2]}
        settings = load_bundle(tiny_bundle(tmp_path, facts=facts), {}).settings
        assert json.loads(json.dumps(settings)) == settings
        assert settings == {
            "engine": "torch",
            "tta": False,
            "window": [-160, 240],
            "window_hu": [-160, 240],
            "image_size": [64, 32],
            "spacing_mm": [1, 1, 2],
            "plane": "coronal",
            "orientation": None,
            "threshold": 0.4,
            "keep_components": 0,
            "fill_holes": False,
            "min_size_voxels": 0,
            "foreground": "liver",
            "terms": None,
            "reader": {
                "modality": "CT",
                "series": "only",
                "file": {"trust_affine": None, "nonfinite": None},
                "dicom": {
                    "tilt": "refuse",
                    "irregular": "refuse",
                    "duplicates": "refuse",
                    "assume_hu": False,
                    "plane": "coronal",
                },
            },
        }

    @pytest.mark.parametrize(("facts", "modality"), [(CT, "CT"), (GREY, None)])
    def test_modality_is_that_of_training_on_ct(
        self, tmp_path: Path, facts: dict[str, object], modality: str | None
    ) -> None:
        assert load_bundle(tiny_bundle(tmp_path, facts=facts), {}).modality == modality


class TestOverrides:
    def test_count_at_every_place_that_uses_them(self, tmp_path: Path) -> None:
        overrides = {"threshold": 0.9, "tta": True, "batch_size": 3, "keep_components": 2, "window": [0, 10]}
        bundle = load_bundle(tiny_bundle(tmp_path), overrides)
        assert bundle.probabilities is False
        assert bundle.settings["threshold"] == 0.9
        assert bundle.settings["tta"] is True
        assert bundle.inferer.batch_size == 3
        assert len(bundle.inferer.flips) == 4
        names = [type(transform).__name__ for transform in bundle.to_results.transforms]
        assert names == ["AsDiscreted", "KeepLargestConnectedComponentd", "SaveImageResultsd"]

    def test_reach_the_reader(self, tmp_path: Path) -> None:
        bundle = load_bundle(tiny_bundle(tmp_path), {"reader::assume_hu": True, "reader::tilt": "resample"})
        reader = bundle.to_results.transforms[-1].reader
        assert reader.choices.dicom.assume_hu is True
        assert reader.choices.dicom.tilt == "resample"

    def test_run_names_other_weights(self, tmp_path: Path) -> None:
        root = tiny_bundle(tmp_path)
        weights = tmp_path / "run" / "weights" / "last" / "model.pt"
        weights.parent.mkdir(parents=True)
        torch.save({"gain": torch.tensor(3.0)}, weights)
        write_json(weights.with_suffix(".json"), {**GREY, "threshold": 0.25})
        bundle = load_bundle(root, {}, tmp_path / "run")
        assert bundle.weights == weights
        assert bundle.network.gain.item() == 3.0
        assert bundle.settings["threshold"] == 0.25

    @pytest.mark.parametrize(
        ("overrides", "message"),
        [
            ({"batch_size": 0}, "batch_size must be a whole number from 1, got 0"),
            ({"engine": "tensorflow"}, "engine must be .* got 'tensorflow'"),
            ({"reader::tilt": "yes"}, "--tilt must be refuse or resample, got 'yes'"),
            ({"orientation": "LX"}, "orientation must be two letters of R, L, .* got 'LX'"),
            ({"formats": "dicom"}, "--to must be of nifti, png, dicomseg, rtstruct, joined by commas, got 'dicom'"),
        ],
    )
    def test_wrong_ones_raise_their_own_error(self, tmp_path: Path, overrides: dict[str, object], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            load_bundle(tiny_bundle(tmp_path), overrides)


class TestFaults:
    def test_missing_weights_raise(self, tmp_path: Path) -> None:
        root = tiny_bundle(tmp_path)
        (root / "models" / "model.pt").unlink()
        message = f"^{root}/models/model.pt: weights must exist; train the bundle first, or name a training with --run$"
        with pytest.raises(UsageError, match=message):
            load_bundle(root, {})

    def test_folder_that_is_no_training_raises(self, tmp_path: Path) -> None:
        message = "run must be the folder of a finished training, but it has no weights/last/model.pt"
        with pytest.raises(UsageError, match=message):
            load_bundle(tiny_bundle(tmp_path), {}, tmp_path)

    def test_weights_of_another_network_raise(self, tmp_path: Path) -> None:
        root = tiny_bundle(tmp_path)
        torch.save(torch.nn.Conv2d(1, 1, 1).state_dict(), root / "models" / "model.pt")
        message = f"^{root}/models/model.pt: must be this network's state dict, got Error"
        with pytest.raises(MedsegError, match=message):
            load_bundle(root, {})

    def test_damaged_facts_raise(self, tmp_path: Path) -> None:
        root = tiny_bundle(tmp_path)
        (root / "models" / "model.json").write_text("{")
        with pytest.raises(MedsegError, match=f"^{root}/models/model.json: must be JSON, got Expecting property name"):
            load_bundle(root, {})

    @pytest.mark.parametrize("name", ["to_probabilities", "to_results", "preprocessing", "inferer"])
    def test_bundle_of_another_kind_raises(self, tmp_path: Path, name: str) -> None:
        root = tiny_bundle(tmp_path)
        edit_json(root / "configs" / "inference.json", lambda config: config.pop(name))
        message = f"inference.json: must be a medseg bundle's, but it has no {name}; copy it anew: medseg bundles"
        with pytest.raises(UsageError, match=message):
            load_bundle(root, {})

    @pytest.mark.parametrize("content", ["", "{", "[]"])
    def test_damaged_config_raises(self, tmp_path: Path, content: str) -> None:
        root = tiny_bundle(tmp_path)
        (root / "configs" / "inference.json").write_text(content)
        with pytest.raises(MedsegError, match=r"inference\.json: must be "):
            load_bundle(root, {})

    def test_config_that_names_what_is_not_there_raises(self, tmp_path: Path) -> None:
        root = tiny_bundle(tmp_path)
        edit_json(root / "configs" / "inference.json", lambda config: config.update(network="@nothing"))
        with pytest.raises(MedsegError, match=r"inference\.json: must be "):
            load_bundle(root, {})
