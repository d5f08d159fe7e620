"""A scan through MONAI Label's bundle app: ``python monai_label.py APP BUNDLE SCAN.nii.gz OUT``.

In an environment with monailabel and without medseg; APP is its ``sample-apps/monaibundle``, BUNDLE an unpacked
package. Writes ``OUT/label_mask.nii.gz``.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def main(app: Path, bundle: Path, scan: Path, out: Path) -> None:
    """Set the app up around the bundle, and ask it for the scan's mask as a client does."""
    own_app, studies = out / "app", out / "studies"
    shutil.copytree(app, own_app)
    shutil.copytree(bundle, own_app / "model" / bundle.name)
    studies.mkdir()
    shutil.copy(scan, studies)
    sys.path.insert(0, str(own_app))
    from main import MyApp  # the app's own

    # Another zoo than MONAI's is not asked for its list of bundles.
    conf = {"models": bundle.name, "zoo_source": "ngc", "sam2": "false"}
    running = MyApp(str(own_app), str(studies), conf)
    image = scan.name.removesuffix(".nii.gz")
    answer = running.infer({"model": bundle.name, "image": image, "device": "cpu", "result_extension": ".nii.gz"})
    shutil.copy(answer["file"], out / "label_mask.nii.gz")
    print("labels:", answer["params"]["label_names"])
    print("medseg:", sys.modules["medseg"].__file__)


if __name__ == "__main__":
    main(*(Path(arg).resolve() for arg in sys.argv[1:]))
