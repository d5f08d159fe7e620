from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from monai.data import load_net_with_metadata
from onnx import numpy_helper
from torch import Tensor, nn

from medseg.deploy import export as exporting
from medseg.deploy.agreement import agreement, random_images
from medseg.deploy.bundle_config import bundle_network, bundle_slices
from medseg.deploy.export import export_bundle
from medseg.deploy.formats import FORMATS, formats_called
from medseg.deploy.runtimes import network_for
from medseg.errors import MedsegError, UsageError
from medseg.io.hashes import file_sha256
from medseg.io.nifti import write_nifti
from tests.commands import ROOT
from tests.medseg.deploy.export_bundles import files_of, make_bundle

ALL = "torchscript,onnx,openvino"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scans: of 12 slices and of one."""
    folder = tmp_path_factory.mktemp("scans")
    rng = np.random.default_rng(0)
    for name, slices in (("long", 12), ("single", 1)):
        voxels = rng.integers(0, 256, (37, 22, slices)).astype(np.uint8)
        write_nifti(folder / f"{name}.nii", voxels, np.diag([0.7, 0.7, 2.0, 1.0]))
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow U-Net in every format; read only."""
    bundle = make_bundle(tmp_path_factory.mktemp("exported"))
    export_bundle(bundle, ALL)
    return bundle


class TestFourNetworks:
    @pytest.mark.parametrize(
        ("name", "formats"),
        [
            ("unet", ALL),
            ("unet_early_skip", ALL),
            ("unet_early_skip_concat", ALL),
            # Half a gigabyte; OpenVINO's is made of ONNX.
            pytest.param("fcn8s", "openvino", marks=pytest.mark.slow),
        ],
    )
    def test_exports_give_torch_s_logits_and_masks_at_any_size(self, name: str, formats: str, tmp_path: Path) -> None:
        bundle = make_bundle(tmp_path, name, tiny=False)
        results = export_bundle(bundle, formats)
        network = bundle_network(bundle)
        assert [result.format for result in results] == formats.split(",")
        generator = torch.Generator().manual_seed(1)
        for result in results:
            assert result.random.max_abs_difference <= 1e-4
            assert result.random.max_abs_logit > 0.1
            engine = network_for(result.format, network, bundle / "models" / "model.pt", CPU)  # type: ignore[arg-type]
            for shape in ((1, 1, 41, 83), (3, 1, 32, 48), (2, 1, 5, 1)):
                image = torch.rand(shape, generator=generator)
                with torch.no_grad():
                    expected, got = network(image), engine(image)
                torch.testing.assert_close(got, expected, rtol=0, atol=1e-4)
                clear = expected.abs() > 1e-4
                assert torch.equal((got > 0)[clear], (expected > 0)[clear])


class TestFiles:
    def test_models_hold_the_exports_and_their_record(self, exported: Path) -> None:
        expected = {"model.pt", "model.json", "model.ts", "model.onnx", "model.bin", "model.xml", "exports.json"}
        assert files_of(exported) == expected

    def test_onnx_has_open_sizes_with_names_and_no_second_file(self, exported: Path) -> None:
        model = onnx.load(str(exported / "models" / "model.onnx"), load_external_data=False)
        for value, name in ((model.graph.input, "image"), (model.graph.output, "logits")):
            (only,) = value
            dims = [dim.dim_param or dim.dim_value for dim in only.type.tensor_type.shape.dim]
            assert (only.name, dims) == (name, ["batch", 1, "height", "width"])
        assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)

    def test_weights_keep_32_bits(self, exported: Path) -> None:
        network = bundle_network(exported)
        weight = network.state_dict()["bottom.first.0.weight"].numpy()
        model = onnx.load(str(exported / "models" / "model.onnx"))
        kept = [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
        assert any(array.shape == weight.shape and np.array_equal(array, weight) for array in kept)
        assert weight.tobytes() in (exported / "models" / "model.bin").read_bytes()

    def test_no_file_tells_where_it_was_made(self, exported: Path) -> None:
        with zipfile.ZipFile(exported / "models" / "model.ts") as archive:
            content = b"".join(archive.read(name) for name in archive.namelist())
        for name in ("model.onnx", "model.xml", "model.bin", "exports.json"):
            content += (exported / "models" / name).read_bytes()
        for path in (ROOT, exported, Path(torch.__file__).parent):
            assert str(path).encode() not in content

    def test_torchscript_carries_metadata_and_config_as_monai_s_do(self, exported: Path) -> None:
        _, meta, extra = load_net_with_metadata(
            str(exported / "models" / "model.ts"), more_extra_files=("inference.json",)
        )
        assert meta == json.loads((exported / "configs" / "metadata.json").read_text())
        config = json.loads((exported / "configs" / "inference.json").read_text())
        assert json.loads(extra["inference.json"]) == config

    def test_record_holds_hashes_differences_and_versions(self, exported: Path) -> None:
        record = json.loads((exported / "models" / "exports.json").read_text())
        assert list(record) == ["torchscript", "onnx", "openvino"]
        for name, entry in record.items():
            assert entry["weights_sha256"] == file_sha256(exported / "models" / "model.pt")
            assert set(entry["files_sha256"]) == set(FORMATS[name].files)
            assert entry["random_images"]["images"] == 9
            assert entry["random_images"]["max_abs_difference"] <= 1e-4
            assert entry["slices"] is None
            assert entry["versions"]["torch"] == torch.__version__

    def test_one_format_leaves_the_others_alone(self, tmp_path: Path) -> None:
        bundle = make_bundle(tmp_path)
        export_bundle(bundle, "torchscript")
        before = file_sha256(bundle / "models" / "model.ts")
        (result,) = export_bundle(bundle, ["openvino"])
        assert result.path == bundle / "models" / "model.xml"
        assert result.size_bytes == sum((bundle / "models" / f"model.{end}").stat().st_size for end in ("xml", "bin"))
        assert files_of(bundle) == {"model.pt", "model.json", "model.ts", "model.bin", "model.xml", "exports.json"}
        assert file_sha256(bundle / "models" / "model.ts") == before


class TestSlices:
    def test_are_the_bundle_s_own_preprocessing_evenly_spaced(self, exported: Path, scans: Path) -> None:
        slices = bundle_slices(exported, scans, a_scan=3)
        assert [tuple(image.shape) for image in slices] == [(1, 1, 37, 22)] * 4
        # Window 0 to 255 becomes -1 to 1; of 12 slices, 3 evenly spaced are 0, 6 (5.5 rounded to even) and 11.
        rng = np.random.default_rng(0)
        voxels = rng.integers(0, 256, (37, 22, 12)) / 127.5 - 1
        for image, z in zip(slices, (0, 6, 11), strict=False):
            np.testing.assert_allclose(image[0, 0], voxels[..., z], atol=1e-6)

    def test_count_and_pixels_that_differ_are_recorded(self, tmp_path: Path, scans: Path) -> None:
        (result,) = export_bundle(make_bundle(tmp_path), "torchscript", scans=scans)
        assert result.slices is not None
        assert (result.slices.images, result.slices.pixels) == (9, 9 * 37 * 22)  # 8 of the 12, and the single one
        assert result.slices.differing_px == 0
        record = json.loads((result.path.parent / "exports.json").read_text())
        assert record["torchscript"]["slices"]["images"] == 9


class TestAgreement:
    class Shifted(nn.Module):
        """Adds a constant to what it gets."""

        def __init__(self, by: float) -> None:
            super().__init__()
            self.by = by

        def forward(self, img: Tensor) -> Tensor:
            return img + self.by

    def test_difference_largest_logit_and_pixels_across_the_threshold(self) -> None:
        images = [torch.tensor([[[[-3.0, -0.25, 0.0, 2.0]]]])]
        # The identity's logits are the images themselves.
        found = agreement(images, self.Shifted(0.5), images)
        assert (found.images, found.pixels) == (1, 4)
        assert found.max_abs_difference == 0.5
        assert found.max_abs_logit == 3.0
        assert found.differing_px == 2  # -0.25 and 0 are not above a probability of 0.5, 0.25 and 0.5 are

    def test_threshold_is_a_probability(self) -> None:
        # A probability of 0.7 is a logit of ln(0.7 / 0.3) = 0.847.
        images = [torch.tensor([[[[-0.1, 0.8, 0.9]]]])]
        assert agreement(images, self.Shifted(0.06), images, threshold=0.7).differing_px == 1

    def test_other_shape_and_nan_are_infinitely_far(self) -> None:
        images = random_images()
        assert agreement(images, nn.Flatten(), images).max_abs_difference == float("inf")
        assert agreement(images, self.Shifted(float("nan")), images).max_abs_difference == float("inf")


class TestFailure:
    @pytest.mark.parametrize("format_", list(FORMATS))
    def test_difference_above_the_bound_leaves_no_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
    ) -> None:
        bundle = make_bundle(tmp_path)
        convert = exporting.convert

        def convert_changed(network: nn.Module, *args: object) -> None:
            with torch.no_grad():
                network.head.bias += 2e-4
                convert(network, *args)  # type: ignore[arg-type]
                network.head.bias -= 2e-4

        monkeypatch.setattr(exporting, "convert", convert_changed)
        message = (
            rf"{FORMATS[format_].file}: logits must differ from torch's by at most 0.0001, got 0\.0002\S* on random"
            r" images whose logits reach \S+; not exported; --tolerance lets more through"
        )
        with pytest.raises(MedsegError, match=message):
            export_bundle(bundle, [format_])
        assert files_of(bundle) == {"model.pt", "model.json"}

    def test_bound_may_be_widened_and_is_recorded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bundle = make_bundle(tmp_path)
        monkeypatch.setattr(exporting, "open_export", lambda name, *_: _open_wrong("onnx", bundle))
        (result,) = export_bundle(bundle, "torchscript", tolerance=1.5)
        assert result.random.max_abs_difference == pytest.approx(1)
        assert json.loads((bundle / "models" / "exports.json").read_text())["torchscript"]["tolerance"] == 1.5

    def test_if_one_format_fails_none_is_installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bundle = make_bundle(tmp_path)
        monkeypatch.setattr(exporting, "open_export", lambda name, *_: _open_wrong(name, bundle))
        with pytest.raises(MedsegError, match=r"model\.onnx: logits must differ"):
            export_bundle(bundle, "torchscript,onnx")
        assert files_of(bundle) == {"model.pt", "model.json"}

    def test_what_an_exporter_cannot_do_is_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bundle = make_bundle(tmp_path)

        def refuse(*_: object) -> None:
            raise RuntimeError("no operator for this\nand a long trace")

        monkeypatch.setattr(exporting, "convert", refuse)
        with pytest.raises(MedsegError, match=r"its network must be one that onnx can hold, got no operator for this$"):
            export_bundle(bundle, "onnx")
        assert files_of(bundle) == {"model.pt", "model.json"}

    def test_unknown_format_raises(self) -> None:
        with pytest.raises(UsageError, match="formats must be of torchscript, onnx, openvino, got 'coreml'"):
            formats_called("onnx,coreml")
        with pytest.raises(UsageError, match="formats must be of torchscript, onnx, openvino, got 'none'"):
            formats_called([])

    def test_format_given_twice_counts_once(self) -> None:
        assert [format_.name for format_ in formats_called("onnx, torchscript,onnx")] == ["onnx", "torchscript"]

    def test_folder_without_config_raises(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"must be a bundle's folder, but it has no configs/inference\.json"):
            export_bundle(tmp_path, "onnx")

    def test_bundle_without_weights_raises(self, tmp_path: Path) -> None:
        bundle = make_bundle(tmp_path)
        (bundle / "models" / "model.pt").unlink()
        with pytest.raises(UsageError, match=r"model\.pt: weights must exist; train the bundle first"):
            export_bundle(bundle, "onnx")

    def test_other_network_s_weights_raise(self, tmp_path: Path) -> None:
        bundle = make_bundle(tmp_path)
        torch.save({"weight": torch.zeros(1)}, bundle / "models" / "model.pt")
        with pytest.raises(MedsegError, match=r"model\.pt: must be this network's state dict, got "):
            export_bundle(bundle, "onnx")


def _open_wrong(name: str, bundle: Path) -> nn.Module:
    """torch's own network, which for ONNX has other weights."""
    network = bundle_network(bundle)
    if name == "onnx":
        nn.init.ones_(network.head.bias)  # type: ignore[union-attr, arg-type]
    return network
