"""What the user names becomes the right videos, with names that depend on neither order nor machine."""

from __future__ import annotations

import os
import random

import pandas as pd
import pytest

from facs_pipeline.extraction.inputs import VideoInput, find_videos, name_videos
from facs_pipeline.extraction.metadata import read_metadata, without_row
from facs_pipeline.foundation.errors import InputError


@pytest.fixture
def tree(tmp_path):
    """Files whose content does not matter here: finding videos opens none."""
    for name in (
        "study/anna/smile.mp4",
        "study/ben/smile.MOV",
        "study/ben/frown10.mp4",
        "study/ben/frown9.mp4",
        "study/notes.txt",
        "study/.hidden/x.mp4",
        "frames/cara/0001.png",
        "frames/cara/0002.png",
        "frames/dora/1.jpg",
        "empty/readme.md",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(videos):
    return [video.name for video in videos]


def test_folders_are_searched_and_sorted_as_people_count(tree):
    assert names(find_videos([tree / "study"])) == ["frown9", "frown10", "smile_MOV", "smile_mp4"]


def test_folders_of_images_are_one_video_each(tree):
    videos = find_videos([tree / "frames"])
    assert [(video.name, video.is_images) for video in videos] == [("cara", True), ("dora", True)]
    assert names(find_videos([tree / "frames" / "cara"])) == ["cara"]


def test_globs_and_lists(tree):
    assert names(find_videos([f"{tree}/study/*/frown*"])) == ["frown9", "frown10"]
    assert len(find_videos([f"{tree}/**/*.mp4"])) == 3
    (tree / "list.txt").write_text("# mine\n\nstudy/anna/smile.mp4\nstudy/ben/frown*.mp4\n", encoding="utf-8-sig")
    assert names(find_videos([tree / "list.txt"])) == ["frown9", "frown10", "smile"]


def test_lists_as_windows_writes_them(tree):
    lines = ['"study/anna/smile.mp4"', r"study\ben\frown9.mp4", r"study\ben\frown1*", ""]
    (tree / "list.txt").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    assert names(find_videos([tree / "list.txt"])) == ["frown9", "frown10", "smile"]


def test_linked_folders_are_searched_once(tree):
    links = tree / "links"
    links.mkdir()
    (links / "ben").symlink_to(tree / "study" / "ben")
    (links / "ben again").symlink_to(tree / "study" / "ben")
    (links / "loop").symlink_to(links)
    assert names(find_videos([links])) == ["frown9", "frown10", "smile"]


def test_a_line_of_a_list_that_names_nothing_is_a_problem_of_its_own(tree):
    (tree / "list.txt").write_text("study/anna/smile.mp4\nstudy/gone.mp4\n")
    problem = next(video.problem for video in find_videos([tree / "list.txt"]) if video.problem)
    assert "gone.mp4: no such file or folder (line 2 of list.txt)" in problem


def test_a_list_that_names_itself_is_refused(tree):
    (tree / "list.txt").write_text("list.txt\n")
    with pytest.raises(InputError, match="names itself"):
        find_videos([tree / "list.txt"])


def test_a_list_in_another_encoding_is_refused(tree):
    (tree / "list.txt").write_bytes(b"study/\xe9.mp4\n")
    with pytest.raises(InputError, match="not UTF-8 text"):
        find_videos([tree / "list.txt"])


def test_each_video_once_and_never_from_the_output_folder(tree):
    (tree / "study" / "out" / "overlays").mkdir(parents=True)
    (tree / "study" / "out" / "overlays" / "smile.mp4").touch()
    videos = find_videos([tree / "study", tree / "study" / "anna" / "smile.mp4"], exclude=[tree / "study" / "out"])
    assert len(videos) == 4


def test_nothing_found_is_an_error_that_says_where(tree):
    with pytest.raises(InputError, match=r"empty: the folder holds no videos \(.*\.mp4.*and no images"):
        find_videos([tree / "empty"])
    with pytest.raises(InputError, match=r"gone\.mp4: no such file or folder"):
        find_videos([tree / "gone.mp4"])
    with pytest.raises(InputError, match=r"the pattern fits no video"):
        find_videos([f"{tree}/*.mkv"])


def test_one_that_is_missing_does_not_hide_the_others(tree):
    videos = find_videos([tree / "gone.mp4", tree / "study" / "anna"])
    assert [(video.name, bool(video.problem)) for video in videos] == [("gone", True), ("smile", False)]


class TestNames:
    def named(self, *paths):
        from pathlib import Path

        videos = [VideoInput(Path(path), Path(path).stem) for path in paths]
        return {str(video.path): video.name for video in name_videos(videos)}

    def test_parents_tell_apart_as_far_as_needed(self):
        assert list(self.named("/s/a/x/v.mp4", "/s/b/x/v.mp4").values()) == ["v_a_x", "v_b_x"]

    def test_do_not_depend_on_order_or_place(self):
        paths = ["/s/a/v.mp4", "/s/b/v.mp4", "/s/b/v.avi", "/s/c/w.mp4"]
        expected = self.named(*paths)
        shuffled = random.Random(0).sample(paths, len(paths))
        assert self.named(*shuffled) == expected
        moved = self.named(*(f"/elsewhere{path}" for path in paths))
        assert list(moved.values()) == list(expected.values())

    def test_are_unique_even_when_a_suffix_makes_a_clash(self):
        named = self.named("/s/a/v.mp4", "/s/b/v.mp4", "/s/c/v_a.mp4")
        assert len(set(named.values())) == 3

    def test_differ_by_more_than_case_or_composition(self):
        named = self.named("/s/a/Vid.mp4", "/s/b/vid.mp4", "/s/c/\u00e9.mp4", "/s/d/e\u0301.mp4")
        assert sorted(named.values()) == ["Vid_a", "vid_b", "\u00e9_c", "\u00e9_d"]

    def test_fit_every_file_system(self):
        for name in self.named(f"/s/{'ü' * 120}.mp4", '/s/a<b>:"c|?*.mp4', "/s/...mp4", "/s/\udcff.mp4").values():
            assert 0 < len(os.fsencode(name)) <= 200
            assert not set(name) & set('<>:"/\\|?*')
            name.encode("utf-8")


class TestMetadata:
    def read(self, tree, text, arguments=("study",), encoding="utf-8"):
        path = tree / "meta.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read_metadata(path, find_videos([tree / argument for argument in arguments]))

    def test_matches_by_path_name_and_stem(self, tree):
        metadata, notes = self.read(
            tree,
            "video,subject,emotion,label\nstudy/anna/smile.mp4,1,happy,real\nfrown9.mp4,2,sad,fake\nfrown10,2,sad,\n",
        )
        assert metadata["smile_mp4"] == {"subject": "1", "emotion": "happy", "label": "real"}
        assert metadata["frown9"]["label"] == "fake"
        assert metadata["frown10"]["label"] == ""
        assert notes == []

    def test_matches_the_end_of_a_path_with_or_without_its_ending_and_in_windows_spelling(self, tree):
        text = "video,subject\nelsewhere\\anna\\smile.mp4,0\nanna\\smile.mp4,1\nben/smile,2\n"
        metadata, notes = self.read(tree, text)
        assert metadata["smile_mp4"]["subject"] == "1"
        assert metadata["smile_MOV"]["subject"] == "2"
        assert len(notes) == 1
        assert "row 2" in notes[0]

    def test_zeros_that_a_spreadsheet_dropped_are_noticed(self, tree):
        for name in ("007.mp4", "0100.mp4"):
            (tree / "study" / name).touch()
        metadata, notes = self.read(tree, "video,subject\n7,007\n100,7\n")
        assert metadata["007"]["subject"] == "007"
        assert [note.partition("meta.csv: ")[2] for note in notes] == [
            "row 2: '7' is taken for '007'; spreadsheets drop such zeros",
            "row 3: '100' is taken for '0100'; spreadsheets drop such zeros",
            "subjects '007' and '7' differ by the zeros in front only, which spreadsheets drop; they count as two",
        ]

    def test_of_a_workbook(self, tree):
        pd.DataFrame({"video": ["frown9.mp4", "other"], "subject": [7, 8.0], "emotion": ["happy", None]}).to_excel(
            tree / "meta.xlsx", index=False
        )
        metadata, notes = read_metadata(tree / "meta.xlsx", find_videos([tree / "study"]))
        assert metadata == {"frown9": {"subject": "7", "emotion": "happy", "label": ""}}
        assert len(notes) == 1

    def test_videos_without_a_row_are_named(self, tree):
        videos = find_videos([tree / "study"])
        metadata, _ = self.read(tree, "video,subject\nfrown9,1\n")
        assert "'frown10' and 2 more" in without_row(metadata, videos)
        assert without_row({video.name: {} for video in videos}, videos) == ""

    def test_of_a_spreadsheet_with_semicolons_and_a_byte_order_mark(self, tree):
        metadata, _ = self.read(tree, "video;subject\nfrown9;7\n", encoding="utf-8-sig")
        assert metadata["frown9"]["subject"] == "7"

    def test_notes_name_unknown_rows_and_other_columns_are_carried(self, tree):
        metadata, notes = self.read(tree, "video,subject,age\nfrown9,1,30\nother,2,40\n")
        assert metadata["frown9"]["age"] == "30"
        assert "row 3: no video of this run is called 'other'" in notes[0]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("name,subject\nfrown9,1\n", "row 1 lacks the column video; found 'name', 'subject'"),
            ("", "empty; expected a first row with column names"),
            ("video,subject\nfrown9,1\nfrown9.mp4,2\n", "rows 2 and 3 say different things of 'frown9.mp4'"),
            ("video,subject\nsmile,1\n", "row 2: 'smile' fits .* and .*; write the path"),
            ("video,subject\nfrown9,1,2\n", "row 2 has 3 cells, the header has 2"),
            ("video,subject,label\nfrown9,1\n", "row 2 has 2 cells, the header has 3"),
            ("video,subject\n,1\n", "row 2 names no video"),
            ("video,subject,subject\nfrown9,1,1\n", "row 1 has the column 'subject' more than once"),
            (b"video,subject\nfrown9,1\nfrown10,\xe9\n", "row 3 is not UTF-8"),
            ('video,subject\nfrown9,"1\n', "not a CSV table"),
        ],
    )
    def test_mistakes_are_named_by_row(self, tree, text, message):
        with pytest.raises(InputError, match=message):
            self.read(tree, text)
