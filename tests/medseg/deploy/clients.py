"""What three clients do with an unpacked package, in a process of its own: ``main(BUNDLE, SCAN, OUT)``.

MONAI Label's and MONAI Deploy's parts follow their source (monailabel 0.8.5, monai-deploy-app-sdk 4.0.0), which takes
an environment of its own to run; the scripts in ``peers`` run the real ones.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import monai.bundle
import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import LoadImage, LoadImaged, SaveImaged


def main(bundle: str, scan: str, out: str) -> None:
    """Save each client's mask, ``(x, y, z)``, as ``OUT/<client>.npy``."""
    root = Path(bundle)
    network = monai.bundle.load(root.name, bundle_dir=str(root.parent), workflow_type="inference", device="cpu")
    modules = [name for name in sys.modules if name == "medseg" or name.startswith("medseg.")]
    came_from = {Path(str(sys.modules[name].__file__)).is_relative_to(root) for name in modules}
    assert came_from == {True}, came_from
    for name in modules:  # the next client begins anew
        del sys.modules[name]
    sys.path.remove(bundle)
    sys.path.insert(0, bundle)
    np.save(Path(out, "label.npy"), label(root, scan))
    np.save(Path(out, "deploy.npy"), deploy(root, scan, network))


def label(root: Path, scan: str) -> Any:
    """``BundleInferTask``: the bundle's folder is given, transforms run one by one, those that save are left out."""
    parser = ConfigParser()
    parser.read_config(str(root / "configs" / "inference.json"))
    parser.config.update({"bundle_root": str(root), "device": "cpu"})
    network = parser.get_parsed_content("network_def")
    state = torch.load(root / "models" / "model.pt")
    network.load_state_dict(state.get("model", state), strict=False)
    network.eval()
    before = list(parser.get_parsed_content("preprocessing").transforms)
    for transform in before:
        if isinstance(transform, LoadImaged):
            transform._loader.image_only = False
    data: dict[str, Any] = {"image": scan}
    for transform in before:
        data = transform(data)
    with torch.no_grad():
        data["pred"] = parser.get_parsed_content("inferer")(data["image"][None], network)[0]
    for transform in parser.get_parsed_content("postprocessing").transforms:
        if not isinstance(transform, SaveImaged):
            data = transform(data)
    assert tuple(data["image"].meta["spatial_shape"]) == tuple(data["pred"].shape[1:])
    return data["pred"][0].numpy()


def deploy(root: Path, scan: str, network: torch.nn.Module) -> Any:
    """``MonaiBundleInferenceOperator``: nobody names the folder, the volume comes from memory without channel."""
    parser = ConfigParser()
    parser.read_meta(str(root / "configs" / "metadata.json"))
    parser.read_config([str(root / "configs" / "inference.json")])
    parser.parse()
    volume = LoadImage(reader="NibabelReader", image_only=True)(scan)
    affine = np.asarray(volume.affine)
    meta = {"affine": affine, "original_affine": affine.copy(), "original_channel_dim": "no_channel"}
    whole = MetaTensor.ensure_torch_and_prune_meta(volume.numpy().astype(np.int16), meta)
    before, after = (_without(parser.get_parsed_content(name)) for name in ("preprocessing", "postprocessing"))
    image = before({"image": whole})["image"]
    with torch.no_grad():
        outputs = parser.get_parsed_content("inferer")(inputs=image[None], network=network.eval())
    return after({"pred": next(iter(outputs)), "image": image})["pred"][0].numpy()


def _without(compose: Any) -> Any:
    """The Compose without what loads and saves, which the operator knows by name."""
    named = [(type(transform).__name__, transform) for transform in compose.transforms]
    compose.transforms = tuple(one for name, one in named if "LoadImage" not in name and "SaveImage" not in name)
    return compose
