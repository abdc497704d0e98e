"""Files are written whole or stay as they were."""

import os
import re
import stat
import sys
from pathlib import Path

import pytest

import tinymlp
from tinymlp import MLP, plot, sample
from tinymlp.article.results import write_json
from tinymlp.system.files import check_folder, check_target, write_text, writing

posix = pytest.mark.skipif(sys.platform == "win32", reason="files of POSIX")


def picture(path):
    fig, (ax,) = plot.figure()
    ax.plot(sample("sine", n=9).y)
    plot.save(fig, path)


WRITERS = {
    "network.npz": MLP([1, 300, 1]).save,
    "result.json": lambda path: write_json(path, list(range(10_000))),
    "page.html": lambda path: write_text(path, "long " * 10_000),
    "picture.png": picture,
    "picture.svg": picture,
}


@posix
@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_the_old_file(tmp_path, name):
    """Catches: a writer that empties the old file before it has written the new one, or leaves its half behind."""
    import resource

    path = tmp_path / name
    path.write_bytes(b"the old one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # Python ignores SIGXFSZ: writing more is an error
    try:
        with pytest.raises(OSError, match="File too large"):
            WRITERS[name](path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"the old one"
    assert os.listdir(tmp_path) == [name]
    WRITERS[name](path)
    assert path.stat().st_size > 1000
    assert os.listdir(tmp_path) == [name]


def test_an_error_or_ctrl_c_leaves_the_old_file(tmp_path):
    """Catches: half a file of somebody who pressed Ctrl-C."""
    path = tmp_path / "a"
    path.write_text("old")
    for kind in (ValueError, KeyboardInterrupt):
        with pytest.raises(kind), writing(path) as file:  # noqa: PT012
            file.write(b"half")
            raise kind
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


@posix
def test_modes_links_and_devices(tmp_path):
    """Catches: a private file that anybody may read then; a link turned into a file; /dev/null replaced by one."""
    private = tmp_path / "private"
    private.touch(0o600)
    (tmp_path / "link").symlink_to(private)
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert private.read_text() == "new"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    write_text(tmp_path / "fresh", "x")
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "fresh").stat().st_mode == (tmp_path / "plain").stat().st_mode
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    check_target(tmp_path / "pipe")
    write_text(tmp_path / "pipe", "through")
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_targets_are_checked(tmp_path):
    """Catches: a folder, a missing one or one without permission that is noticed when the work is done."""
    (tmp_path / "file").write_text("old")
    check_target(tmp_path / "file")
    check_target(tmp_path / "new")
    for path, kind, said in (
        (tmp_path, IsADirectoryError, "is a folder: give the name of a file in it"),
        (tmp_path / "no" / "file", FileNotFoundError, "there is no folder"),
        (tmp_path / "file" / "x", FileNotFoundError, "there is no folder"),
        (tmp_path / ("x" * 300), OSError, "name too long|not be found|No such|syntax"),
    ):
        with pytest.raises(kind, match=said):
            check_target(path)
    with pytest.raises(NotADirectoryError, match="is a file: give the name of a folder"):
        check_folder(tmp_path / "file")
    check_folder(tmp_path / "deep" / "folder")
    assert sorted(os.listdir(tmp_path)) == ["deep", "file"]
    assert not os.listdir(tmp_path / "deep" / "folder")


@posix
@pytest.mark.skipif(not Path("/dev/full").exists() or not Path("/proc/self").exists(), reason="folders of Linux")
def test_a_folder_where_nothing_can_be_saved():
    """Catches: a file system without room for a new file, found after the work."""
    with pytest.raises(OSError, match="nothing can be saved in /proc/"):
        check_target("/proc/self/net.npz")


def test_nobody_writes_otherwise():
    """Catches: a new writer in the package that writes in place."""
    allowed = {
        "system/files.py": 2,  # the one place
        "plot.py": 1,  # into it
        "cli.py": 1,  # standard output
        "gpu/on_cpu.py": 1,  # in a temporary folder
    }
    house = Path(tinymlp.__file__).parent
    found = {}
    for path in house.rglob("*.py"):
        count = len(
            re.findall(
                r"\.write_text\(|\.write_bytes\(|open\([^)\n]*[\"'][wax]b?[\"']|savefig\(", path.read_text("utf-8")
            )
        )
        if count:
            found[path.relative_to(house).as_posix()] = count
    assert found == allowed
