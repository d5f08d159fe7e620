from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from medseg.io.pictures import write_rgb


class TestWriteRgb:
    def test_x_runs_along_columns(self, tmp_path: Path) -> None:
        picture = np.zeros((3, 2, 3), dtype=np.uint8)
        picture[2, 0] = (255, 10, 20)
        write_rgb(tmp_path / "deep" / "a.png", picture)
        with Image.open(tmp_path / "deep" / "a.png") as image:
            assert (image.size, image.mode, image.format) == ((3, 2), "RGB", "PNG")
            assert image.getpixel((2, 0)) == (255, 10, 20)
            assert image.getpixel((0, 0)) == (0, 0, 0)
