"""A stored result that is damaged, gone or not a file at all is computed anew, wherever it is read."""

from __future__ import annotations

import hashlib
import os
import shutil

import pytest
from extraction_runs import Remembering, tables_in, videos_csv

from facs_pipeline.extraction.cache import Cache
from facs_pipeline.extraction.cache_folder import clear_cache
from facs_pipeline.extraction.run import Options, extract_features
from facs_pipeline.foundation.files.artifacts import load_key

METADATA = "video,subject\nanna,1\nben,2\ngap,1\n"
BASELINES = ("subject", "ben.mp4")


def run(clips, out, baseline, log=None):
    """A run that subtracts resting faces, which the parent process reads from stored action units."""
    (out.parent / "meta.csv").write_text(METADATA)
    given = {"baseline": "subject", "metadata": out.parent / "meta.csv"}
    options = given if baseline == "subject" else {"baseline": str(clips / baseline)}
    observer = log or Remembering()
    result = extract_features([clips], Options(out=out, jobs=1, **options), observer)
    assert [video.status for video in result.videos] == ["ok", "ok", "ok"], result.failed
    return observer


@pytest.fixture(params=BASELINES)
def done(request, clips, results, tmp_path):
    """An output folder with a baseline, its tables, and which baseline."""
    out = shutil.copytree(results, tmp_path / "out")
    run(clips, out, request.param)
    return out, tables_in(out), request.param


def action_units(out):
    paths = sorted((out / "cache").glob("*/action_units-*.joblib"))
    assert len(paths) == 3
    return paths


def flip_a_bit(path, where):
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("where", [0.3, 0.95])
def test_a_flipped_bit_in_what_the_baseline_is_made_of(clips, done, where):
    out, expected, baseline = done
    for path in action_units(out):
        flip_a_bit(path, where)
    again = run(clips, out, baseline)
    assert tables_in(out) == expected
    assert any("action_units computed (stored result " in line and "damaged" in line for line in again.logs)
    assert run(clips, out, baseline).to_do == 0


@pytest.mark.parametrize("kind", ["pipe", "folder", "endless link", "device"])
def test_what_is_no_file(clips, done, kind):
    out, expected, baseline = done
    for path in action_units(out):
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to(path.name if kind == "endless link" else "/dev/zero")
    run(clips, out, baseline)
    assert tables_in(out) == expected
    assert all(path.is_file() and not path.is_symlink() for path in action_units(out))


def test_other_results_of_a_stage_that_are_no_files_are_passed_over(clips, results, tmp_path):
    out = shutil.copytree(results, tmp_path / "out")
    for path in action_units(out):
        os.mkfifo(path.with_name("descriptors-0123.joblib"))
        path.with_name("descriptors-4567.joblib").symlink_to("descriptors-4567.joblib")
    observer = Remembering()
    result = extract_features([clips], Options(out=out, jobs=1, cutoff_hz=2.0), observer)
    assert not result.failed
    assert observer.logs[0].endswith("(settings of descriptors changed: cutoff_hz 1.0 -> 2.0)")


class Clearing(Remembering):
    """Removes all stored results twice while the run goes on, as `facs cache clear` in another window does."""

    def __init__(self, out):
        super().__init__()
        self.cache, self.moments = out / "cache", ["anna: action_units computed", "anna: descriptors computed"]

    def log(self, text):
        super().log(text)
        if self.moments and text.startswith(self.moments[0]):
            self.moments.pop(0)
            clear_cache(Cache(self.cache, load_key()[0]))


def test_results_that_vanish_meanwhile(clips, done):
    out, expected, baseline = done
    for path in action_units(out):
        path.unlink()
    clearing = run(clips, out, baseline, log=Clearing(out))
    assert clearing.moments == []
    assert tables_in(out) == expected


def test_another_videos_values_are_not_taken_for_this_ones(clips, results, tmp_path):
    """Whoever can write to the folder, but has not the user's key, cannot give one video another's results."""
    out = shutil.copytree(results, tmp_path / "out")
    expected = tables_in(out)
    hashes = out / "cache" / "videos.json"
    text = hashes.read_text()
    anna, ben = (str(videos_csv(out).loc[name, "sha256"]) for name in ("anna", "ben"))
    assert anna in text
    hashes.write_text(text.replace(anna, "x").replace(ben, anna).replace('"x"', f'"{ben}"'))
    result = extract_features([clips], Options(out=out, jobs=1))
    assert not result.failed
    assert tables_in(out) == expected


def test_a_record_of_another_user_is_not_believed(clips, results, tmp_path):
    out = shutil.copytree(results, tmp_path / "out")
    expected = tables_in(out)
    table, record = out / "action_units" / "anna.csv", out / "cache" / "outputs" / "anna.csv.json"
    content = table.read_text()
    table.write_text(content.replace(",1,", ",0,"))
    old, new = (hashlib.sha256(text.encode()).hexdigest() for text in (content, table.read_text()))
    assert old in record.read_text()
    record.write_text(record.read_text().replace(old, new))
    extract_features([clips], Options(out=out, jobs=1))
    assert tables_in(out) == expected
