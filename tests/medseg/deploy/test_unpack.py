from __future__ import annotations

import hashlib
import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from medseg.deploy.package import package_bundle
from medseg.deploy.unpack import unpack_bundle
from medseg.errors import MedsegError, UsageError
from tests.medseg.deploy.packages import make_known_bundle


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return package_bundle(make_known_bundle(tmp_path / "source"), tmp_path / "unet.zip")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def write_zip(path: Path, files: Mapping[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """A zip of the files and of a list of their checksums, which is right."""
    with zipfile.ZipFile(path, "w", method) as archive:
        lines = []
        for member, content in files.items():
            archive.writestr(member, content)
            name = member if isinstance(member, str) else member.filename
            lines.append(f"{hashlib.sha256(content).hexdigest()}  {name.partition('/')[2]}")
        archive.writestr("unet/checksums.sha256", "\n".join(lines))
    return path


def refused(package: Path, out: Path, kind: type[MedsegError] = MedsegError) -> str:
    """The message, which is one line and names the package; nothing is left behind."""
    with pytest.raises(kind, match=re.escape(f"{package}: ")) as raised:
        unpack_bundle(package, out)
    assert not out.exists() or list(out.iterdir()) == []
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith(f"{package}: ")
    return message.removeprefix(f"{package}: ")


class TestUnpackBundle:
    def test_gives_what_was_packed(self, package: Path, out: Path) -> None:
        bundle = unpack_bundle(package, out)
        assert bundle == out / "unet"
        assert list(out.iterdir()) == [bundle]
        with zipfile.ZipFile(package) as archive:
            expected = {name: archive.read(name) for name in archive.namelist()}
        files = [path for path in out.rglob("*") if path.is_file()]
        assert {path.relative_to(out).as_posix(): path.read_bytes() for path in files} == expected

    def test_takes_one_that_was_zipped_anew_with_folders(self, package: Path, out: Path, tmp_path: Path) -> None:
        with zipfile.ZipFile(package) as old, zipfile.ZipFile(tmp_path / "n.zip", "w", zipfile.ZIP_DEFLATED) as new:
            new.mkdir("unet")
            for name in old.namelist():
                new.writestr(name, old.read(name))
        assert (unpack_bundle(tmp_path / "n.zip", out) / "models" / "model.pt").is_file()

    def test_existing_bundle_is_kept(self, package: Path, out: Path) -> None:
        (out / "unet").mkdir(parents=True)
        with pytest.raises(UsageError, match=r"unet: must not exist yet, as a bundle is unpacked there; give another"):
            unpack_bundle(package, out)
        assert list((out / "unet").iterdir()) == []

    def test_missing_file(self, out: Path, tmp_path: Path) -> None:
        message = refused(tmp_path / "no.zip", out, UsageError)
        assert message == "must be a package made by medseg package, but there is no such file"

    def test_unwritable_folder(self, package: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"file: must be a folder that can be written, got "):
            unpack_bundle(package, tmp_path / "file")


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "unet/../../x",
            "../x",
            "/etc/x",
            "unet//x",
            "unet/./x",
            "C:/x",
            "unet\\x",
            "unet/a b",
            "unet/.x",
            "x",
            "unet/x\n",
        ],
    )
    def test_name_that_leads_elsewhere(self, name: str, out: Path, tmp_path: Path) -> None:
        package = write_zip(tmp_path / "p.zip", {"unet/LICENSE": b"1", name: b"2"})
        message = refused(package, out)
        assert message == f"names must be plain and lie in one folder, got {name!r}; do not trust it"

    @pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
    def test_link_or_device(self, kind: int, out: Path, tmp_path: Path) -> None:
        link = zipfile.ZipInfo("unet/models")
        link.external_attr = (kind | 0o777) << 16
        message = refused(write_zip(tmp_path / "p.zip", {link: b"/etc"}), out)
        assert message == "must hold plain files only, got 'unet/models', a link or device; do not trust it"

    def test_two_folders(self, out: Path, tmp_path: Path) -> None:
        message = refused(write_zip(tmp_path / "p.zip", {"fcn8s/LICENSE": b"1"}), out)
        assert message == "must hold one folder with each file once, got 2 names in 2 folders; do not trust it"

    def test_names_that_are_one_where_case_does_not_count(self, out: Path, tmp_path: Path) -> None:
        message = refused(write_zip(tmp_path / "p.zip", {"unet/a": b"1", "unet/A": b"2"}), out)
        assert message == "must hold one folder with each file once, got 3 names in 1 folders; do not trust it"


class TestSizes:
    def test_too_many_files(self, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("medseg.deploy.unpack.MOST_FILES", 2)
        message = refused(write_zip(tmp_path / "p.zip", {"unet/a": b"1", "unet/b": b"2"}), out)
        assert message.startswith("must hold at most 2 files and 8589934592 bytes, got 3 files and ")

    def test_too_large(self, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("medseg.deploy.unpack.MOST_BYTES", 1000)
        message = refused(write_zip(tmp_path / "p.zip", {"unet/a": bytes(1001)}), out)
        assert message.startswith("must hold at most 5000 files and 1000 bytes, got 2 files and ")

    def test_bomb(self, out: Path, tmp_path: Path) -> None:
        package = write_zip(tmp_path / "p.zip", {"unet/a": bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
        message = refused(package, out)
        assert message.startswith(
            f"must unpack to at most 100 times its size, got {package.stat().st_size} bytes for 10"
        )

    def test_size_that_is_a_lie(self, out: Path, tmp_path: Path) -> None:
        package = write_zip(tmp_path / "p.zip", {"unet/a": bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
        size = (10_000_000).to_bytes(4, "little")
        content = package.read_bytes()
        assert content.count(size) == 2
        package.write_bytes(content.replace(size, (9).to_bytes(4, "little")))
        assert refused(package, out).startswith(
            "must be a readable zip, got Bad CRC-32 for file 'unet/a'; get it again"
        )


class TestContent:
    def test_changed_file(self, package: Path, out: Path, tmp_path: Path) -> None:
        changed = tmp_path / "changed.zip"
        with zipfile.ZipFile(package) as old, zipfile.ZipFile(changed, "w") as new:
            for name in old.namelist():
                new.writestr(name, b"other" if name == "unet/models/model.pt" else old.read(name))
        message = refused(changed, out)
        assert message == "unet/models/model.pt must be as it was packed, got another hash; get it again"

    @pytest.mark.parametrize("lines", ["", "0  a\n0  b\n0  c\n"])
    def test_list_that_names_other_files(self, lines: str, out: Path, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
            for name in ("a", "b"):
                archive.writestr(f"unet/{name}", "x")
            archive.writestr("unet/checksums.sha256", lines)
        message = refused(tmp_path / "p.zip", out)
        assert message.startswith("checksums.sha256 must name each file, got a difference in '")

    def test_other_zip(self, out: Path, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
            archive.writestr("spleen/LICENSE", "x")
        message = refused(tmp_path / "p.zip", out)
        assert message == "must be made by medseg package, but it has no spleen/checksums.sha256"

    def test_no_zip(self, out: Path, tmp_path: Path) -> None:
        (tmp_path / "p.zip").write_text("text")
        assert refused(tmp_path / "p.zip", out) == "must be a readable zip, got File is not a zip file; get it again"

    def test_cut_off(self, package: Path, out: Path) -> None:
        content = package.read_bytes()
        package.write_bytes(content[: len(content) // 2])
        assert refused(package, out).startswith("must be a readable zip, got ")

    def test_cut_off_behind_the_weights(self, package: Path, out: Path) -> None:
        # The last whole zip in it is then that of torch's file.
        package.write_bytes(package.read_bytes()[:-1000])
        assert re.match(
            r"must begin with its first file, got \d+ bytes before it; get it again$", refused(package, out)
        )

    def test_flipped_byte(self, package: Path, out: Path) -> None:
        content = bytearray(package.read_bytes())
        content[content.index(b"Apache License")] ^= 1
        package.write_bytes(content)
        assert refused(package, out).startswith("must be a readable zip, got Bad CRC-32 for file ")


class TestOtherCompressions:
    def test_damaged_deflated_data(self, tmp_path: Path, out: Path) -> None:
        packed = write_zip(tmp_path / "p.zip", {"unet/a": bytes(range(256)) * 40}, zipfile.ZIP_DEFLATED)
        content = bytearray(packed.read_bytes())
        content[60:70] = b"\xff" * 10
        packed.write_bytes(content)
        assert refused(packed, out).startswith("must be a readable zip, got ")

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_exotic_ones_are_refused(self, tmp_path: Path, out: Path, method: int) -> None:
        packed = write_zip(tmp_path / "p.zip", {"unet/a": b"abc" * 40}, method)
        assert refused(packed, out) == "must be stored or deflated, got another compression; get it again"
