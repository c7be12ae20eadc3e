"""Codes of people are read as the programs that coders use write them."""

from __future__ import annotations

import math

import openpyxl
import pytest
from pympi import Elan

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.study.codes import read_codes
from facs_pipeline.study.coding import UNSCORABLE, parse_code

VIDEOS = ["anna", "ben", "anna_2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", [(12, "", None)]),
        ("AU12", [(12, "", None)]),
        ("au 06", [(6, "", None)]),
        ("12C", [(12, "", 3)]),
        ("L14b", [(14, "left", 2)]),
        ("1B+2A+R4E", [(1, "", 2), (2, "", 1), (4, "right", 5)]),
        ("6, 12", [(6, "", None), (12, "", None)]),
        ("73", [(UNSCORABLE, "", None)]),
        ("no face", [(UNSCORABLE, "", None)]),
        ("smile", []),
        ("12C+smile", []),
        ("", []),
        ("120", []),
        ("12.5", []),
    ],
)
def test_codes_as_coders_write_them(text, expected):
    found = [(au, side, None if math.isnan(intensity) else intensity) for au, side, intensity in parse_code(text)]
    assert found == expected


def said(codes):
    """Without intensities that are not given."""
    return [
        (
            one.video,
            one.coder,
            one.au,
            one.side,
            one.begin,
            one.end,
            None if math.isnan(one.intensity) else one.intensity,
        )
        for one in codes.annotations
    ]


def eaf(path, **tiers):
    document = Elan.Eaf()
    document.remove_tier("default")
    for name, rows in tiers.items():
        document.add_tier(name.replace("__", " "))
        for begin, end, value in rows:
            document.add_annotation(name.replace("__", " "), begin, end, value)
    document.to_file(str(path))
    return path


class TestElan:
    def test_tiers_of_action_units(self, tmp_path):
        tiers = {"AU12": [(1000, 2000, "12C"), (2500, 3000, "D")], "AU6__left": [(0, 500, "3")], "AU04": [],
                 "4": [], "no__face": [(4000, 5000, "turned away")]}  # fmt: skip
        codes = read_codes([eaf(tmp_path / "anna.eaf", **tiers)], VIDEOS)
        assert said(codes) == [
            ("anna", "coder", 12, "", 1.0, 2.0, 3), ("anna", "coder", 12, "", 2.5, 3.0, 4),
            ("anna", "coder", 6, "left", 0.0, 0.5, 3), ("anna", "coder", UNSCORABLE, "", 4.0, 5.0, None),
        ]  # fmt: skip
        # An empty tier says that the unit was looked for, and never seen.
        assert codes.scored == {("anna", "coder"): frozenset({4, 6, 12})}

    def test_a_tier_of_codes_and_others(self, tmp_path):
        tiers = {"FACS": [(0, 1000, "6B+12C"), (1000, 2000, "1")], "speech": [(0, 900, "hello there")]}
        codes = read_codes([eaf(tmp_path / "anna.eaf", **tiers)], VIDEOS)
        assert [(one[2], one[4], one[6]) for one in said(codes)] == [(6, 0, 2), (12, 0, 3), (1, 1, None)]
        assert codes.notes == (f"{tmp_path / 'anna.eaf'}: tiers that hold no codes are passed over: speech",)

    def test_coders_by_the_names_of_files(self, tmp_path):
        for name in ("anna_kim.eaf", "anna_2-lee.eaf", "ben.eaf"):
            eaf(tmp_path / name, AU12=[(0, 500, "12")])
        codes = read_codes([tmp_path], VIDEOS)
        assert set(codes.scored) == {("anna", "kim"), ("anna_2", "lee"), ("ben", "coder")}
        assert set(read_codes([tmp_path / "ben.eaf"], VIDEOS, coder="mia").scored) == {("ben", "mia")}

    def test_the_video_by_what_the_document_plays(self, tmp_path):
        document = Elan.Eaf()
        document.add_linked_file("/clips/ben.mp4", mimetype="video/mp4")
        document.add_tier("AU12")
        document.add_annotation("AU12", 0, 500, "12")
        document.to_file(str(tmp_path / "session 7.eaf"))
        assert set(read_codes([tmp_path / "session 7.eaf"], VIDEOS).scored) == {("ben", "session 7")}


BORIS_AGGREGATED = (
    "Observation id,Media file name,Subject,Behavior,Behavioral category,Modifiers,Behavior type,Start (s),Stop (s)\n"
    "o1,media/anna.mp4,,AU12,,C,STATE,1.0,2.5\no1,media/anna.mp4,,AU45 blink,,,POINT,3.0,3.0\n"
    "o1,media/anna.mp4,,talking,,,STATE,0,9\n"
)
BORIS_TABULAR = (
    "Observation id,o1\n\nMedia file(s)\nPlayer #1,media/anna.mp4\n\n"
    "Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status\n"
    "1.0,media/anna.mp4,60,25,,12C,,,START\n1.5,media/anna.mp4,60,25,,AU4,,,POINT\n2.5,media/anna.mp4,60,25,,12C,,,STOP\n"
)
OBSERVER = (
    "Date_Time_Absolute_dmy_hmsf;Time_Relative_hmsf;Time_Relative_sf;Duration_sf;Observation;Event_Log;Behavior;"
    "Modifier_1;Event_Type;Comment\n"
    "01-01-2026;00:00:01.000;1,000;1,500;anna;Log;AU12;C;State start;\n"
    "01-01-2026;00:00:02.500;2,500;0,000;anna;Log;AU12;C;State stop;\n"
    "01-01-2026;00:00:03.000;3,000;0,000;anna;Log;AU4;;Point;\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BORIS_AGGREGATED, [(12, 1.0, 2.5, 3), (45, 3.0, 3.0, None)]),
        (BORIS_TABULAR, [(4, 1.5, 1.5, None), (12, 1.0, 2.5, 3)]),
        (OBSERVER, [(4, 3.0, 3.0, None), (12, 1.0, 2.5, 3)]),
        (OBSERVER.replace("Duration_sf", "Extra"), [(4, 3.0, 3.0, None), (12, 1.0, 2.5, 3)]),
    ],
)
def test_exports_of_boris_and_the_observer(tmp_path, text, expected):
    path = tmp_path / "export.csv"
    path.write_text(text)
    codes = read_codes([path], VIDEOS)
    assert sorted((one[2], *one[4:]) for one in said(codes)) == expected
    assert {one[0] for one in said(codes)} == {"anna"}


def test_behaviours_that_are_none_are_told(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text(BORIS_AGGREGATED)
    assert read_codes([path], VIDEOS).notes == (
        f"{path}: behaviours that are no action units are passed over: talking",
    )


def test_a_workbook_of_the_observer(tmp_path):
    book = openpyxl.Workbook()
    for line in OBSERVER.splitlines():
        book.active.append([cell.replace(",", ".") for cell in line.split(";")])
    book.save(tmp_path / "export.xlsx")
    codes = read_codes([tmp_path / "export.xlsx"], VIDEOS)
    assert sorted((one[2], *one[4:]) for one in said(codes)) == [(4, 3.0, 3.0, None), (12, 1.0, 2.5, 3)]


class TestTables:
    def test_a_row_for_each_movement(self, tmp_path):
        path = tmp_path / "codes.csv"
        path.write_text(
            "video,code,onset,offset,intensity,side,coder\nanna.mp4,12,0:01.5,2,D,,kim\nben,AU4,1,2,,left,kim\n"
            "ben,6B+12C,3,4,,,lee\n"
        )
        codes = read_codes([path], VIDEOS)
        assert said(codes) == [
            ("anna", "kim", 12, "", 1.5, 2.0, 4), ("ben", "kim", 4, "left", 1.0, 2.0, None),
            ("ben", "lee", 6, "", 3.0, 4.0, 2), ("ben", "lee", 12, "", 3.0, 4.0, 3),
        ]  # fmt: skip
        assert codes.scored[("ben", "kim")] == {4}

    def test_a_row_for_each_frame(self, tmp_path):
        path = tmp_path / "anna.csv"
        path.write_text("frame,AU04,AU12,AU12_L\n1,0,0,0\n2,0,3,1\n3,,3,1\n4,9,5,0\n")
        codes = read_codes([path], VIDEOS)
        assert said(codes) == [
            ("anna", "coder", 4, "", 3, 5, None), ("anna", "coder", 12, "", 2, 4, 3),
            ("anna", "coder", 12, "", 4, 5, 5), ("anna", "coder", 12, "left", 2, 4, None),
        ]  # fmt: skip
        assert [one.known for one in codes.annotations] == [False, True, True, True]
        assert {one.clock for one in codes.annotations} == {"frame"}
        assert codes.scored == {("anna", "coder"): frozenset({4, 12})}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a,b\n1,2\n", "no table of codes that is known; found the columns a, b"),
            ("video,code,onset,offset\nanna,smile,1,2\n", "row 2: 'smile' is no action unit; expected such as 12"),
            ("video,code,onset,offset\nanna,12,2,1\n", "row 2: ends at 1 s, before it begins at 2 s"),
            ("video,code,onset,offset\nanna,12,soon,1\n", "row 2, column onset: 'soon'; expected seconds"),
            ("video,code,onset,offset,intensity\nanna,12,1,2,strong\n", "column intensity: 'strong'; expected A to E"),
            (
                "video,code,onset,offset\nzoe,12,1,2\n",
                "no code of an action unit in any of the 3 videos; they are about",
            ),
            ("video,code,onset,offset\n", "they hold none"),
            ("video,frame,AU12\nanna,2,1\nanna,1,1\n", "anna: column frame does not rise from row to row"),
            ("video,frame,AU12\nanna,1,x\n", "row 2, column au12: 'x' is not a number"),
            ("video,frame,AU12\nanna,1,7\n", "row 2, column au12: '7'; expected 0, 1 to 5, or nothing where unknown"),
            ("video,frame,AU12\nanna,1,1\nanna,,1\n", "anna: column frame has empty cells"),
            (BORIS_TABULAR.replace("STOP", "START"), "12C starts again before it has stopped"),
            (BORIS_TABULAR.replace("START", "STOP"), "12C stops without a start"),
            (BORIS_TABULAR.replace("STOP", "POINT"), "12C in media/anna.mp4 starts and never stops"),
            (BORIS_TABULAR.replace("STOP", "PAUSE"), "'PAUSE'; expected START, STOP or POINT"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path, text, message):
        path = tmp_path / "codes.csv"
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_codes([path], VIDEOS)

    def test_an_empty_folder_and_videos_that_are_not_there(self, tmp_path):
        with pytest.raises(InputError, match=r"no \.eaf file and no table in this folder"):
            read_codes([tmp_path], VIDEOS)
        path = tmp_path / "codes.csv"
        path.write_text("video,code,onset,offset\nzoe,12,1,2\nanna,12,1,2\n")
        assert read_codes([path], VIDEOS).notes == ("codes of videos that are not there are passed over: zoe",)
