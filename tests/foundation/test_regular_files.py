"""What is no file is refused, never waited for."""

from __future__ import annotations

import os
import socket

import pytest

from facs_pipeline.foundation.files.regular import read_whole, why_no_file


@pytest.mark.parametrize(
    "url", ["rtsp://camera/live", "https://example.org/a.mp4", "file:///a.mp4", "rtsp:/camera/live"]
)
def test_urls(url):
    assert "URLs are not read" in why_no_file(url)


def test_pipes_devices_sockets_and_folders(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    assert why_no_file(tmp_path / "pipe.mp4").startswith("a pipe, not a file")
    assert why_no_file("/dev/zero").startswith("a device, not a file")
    assert why_no_file(tmp_path).startswith("a folder, not a file")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(tmp_path / "s"))
        assert why_no_file(tmp_path / "s").startswith("a socket, not a file")
    (tmp_path / "link").symlink_to(tmp_path / "pipe.mp4")
    with pytest.raises(ValueError, match="a pipe, not a file"):
        read_whole(tmp_path / "link")


@pytest.mark.parametrize("name", ["gone.mp4", "C:/gone.mp4", "gone:8.mp4", "a" * 300, "a\0b"])
def test_names_that_name_nothing(name):
    assert why_no_file(name) in (
        "no such file or folder", "cannot be read (File name too long)", "not the name of a file"
    )  # fmt: skip


def test_a_file_is_read_up_to_the_limit(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_whole(tmp_path / "a") == b"12345"
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(3 << 40)
    with pytest.raises(ValueError, match=r"3,298,535 MB in memory, more than 1,000; set FACS_MAX_FILE_MB="):
        read_whole(tmp_path / "sparse")
    monkeypatch.setenv("FACS_MAX_FILE_MB", "0.000004")
    with pytest.raises(ValueError, match="FACS_MAX_FILE_MB=1"):
        read_whole(tmp_path / "a")
