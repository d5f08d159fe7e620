"""What pyproject.toml cannot say beside a search for packages: the folder bundles is installed as medseg/shipped."""

from pathlib import Path

from setuptools import find_packages, setup

# The template has no LICENSE. What is taken of a bundle stands under package-data, so that no weights get into a wheel.
BUNDLES = sorted(path.parent.name for path in Path("bundles").glob("*/LICENSE"))
SHIPPED = {f"medseg.shipped.{name}": f"bundles/{name}" for name in BUNDLES}

setup(packages=[*find_packages(include=["medseg*", "data_prep*"]), *SHIPPED], package_dir=SHIPPED)
