"""Descriptor tables and pairs: what is paired with what, and errors that name row and column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from facs_pipeline.authenticity.face_identity import cluster_subjects, identity_vector
from facs_pipeline.authenticity.pairs import groups_of, pair_up, pairs_from_table
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.tables.descriptor_table import read_descriptor_table

TABLE = """video,subject,emotion,label,AU12_speed_max,AU12_value_mean
a.mp4,1,Happy,real,1.0,2.0
b.mp4,1,happiness,fake,0.5,2.5
c.mp4,2,sad,genuine,0.1,0.2
d.mp4,2,sad,posed,0.3,0.1
e.mp4,2,sad,,0.2,0.15
"""


def write(tmp_path, text, name="table.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def table(tmp_path):
    return read_descriptor_table(write(tmp_path, TABLE))


def pairs_of(tmp_path, table, text):
    path = write(tmp_path, text, "pairs.csv")
    return pairs_from_table(read_text_table(path), table, "pairs.csv")


def test_table_is_read_with_one_name_per_emotion_and_label(table):
    assert list(table.emotions) == ["happy", "happy", "sad", "sad", "sad"]
    assert list(table.labels) == ["real", "fake", "real", "fake", ""]
    assert table.columns == ("AU12_speed_max", "AU12_value_mean")
    assert list(table.rows) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("encoding", "between"), [("utf-8-sig", ";"), ("utf-8", ";"), ("utf-16", "\t"), ("utf-8", "\t")]
)
def test_separators_byte_order_marks_and_quotes_are_read_as_spreadsheets_write_them(tmp_path, encoding, between):
    text = 'video;subject;x\r\n"a; b.mp4";1;2.5\r\n\r\nc.mp4;2;3\r\n'.replace(";", between)
    text = text.replace(f"a{between} b", "a; b")
    table = read_descriptor_table(write(tmp_path, text, encoding=encoding))
    assert list(table.videos) == ["a; b.mp4", "c.mp4"]
    assert table.values[:, 0].tolist() == [2.5, 3.0]


def test_parquet_gives_the_same_table(tmp_path, table):
    frame = pd.read_csv(tmp_path / "table.csv")
    frame["subject"] = frame["subject"].astype(float)  # a column with gaps becomes float in pandas
    frame.to_parquet(tmp_path / "table.parquet")
    other = read_descriptor_table(tmp_path / "table.parquet")
    assert list(other.subjects) == list(table.subjects)
    assert np.array_equal(other.values, table.values)


def test_pairs_are_videos_of_one_subject_and_emotion(table):
    pairs = pair_up(table.subjects, table.emotions, table.labels)
    assert pairs.labelled.tolist() == [[0, 1], [2, 3]]
    assert pairs.candidates.tolist() == [[0, 1], [2, 3], [2, 4], [3, 4]]
    assert groups_of(5, pairs.candidates).tolist() == [0, 0, 1, 1, 1]


def test_pairs_file_with_a_and_b(tmp_path, table):
    _table, pairs = pairs_of(tmp_path, table, "video_a,video_b,real\nb.mp4,a,b\ne.mp4,d.mp4,\n")
    assert pairs.labelled.tolist() == [[0, 1]]
    assert pairs.candidates.tolist() == [[1, 0], [4, 3]]


def test_pairs_file_gives_labels_to_a_table_without(tmp_path):
    table = read_descriptor_table(write(tmp_path, "video,x\none,1\ntwo,2\n"))
    table, pairs = pairs_of(tmp_path, table, "video_a,video_b,real\nclips/one.mp4,two,b\n")
    assert list(table.labels) == ["fake", "real"]
    assert pairs.labelled.tolist() == [[1, 0]]


def test_table_of_videos_completes_and_replaces(tmp_path, table):
    new, pairs = pairs_of(tmp_path, table, "video,subject,label\ne.mp4,1,fake\na.mp4,1,\nc.mp4,2,\nd.mp4,2,\n")
    assert new.subjects[4] == "1"
    assert new.labels[4] == "fake"
    assert new.labels[0] == "real"
    # Only videos that the table names take part; e is sad, a is happy, so they are no pair.
    assert pairs.candidates.tolist() == [[2, 3]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video_a,video_b\na.mp4,a.mp4\n", r"row 2, column 'video_b': 'a.mp4' is paired with itself"),
        (
            "video_a,video_b\na.mp4,z.mp4\n",
            r"row 2, column 'video_b': 'z.mp4' is not among the 5 videos of .*table.csv",
        ),
        ("video_a,video_b\na.mp4,b.mp4\nb.mp4,a.mp4\n", r"row 3 has the same pair as row 2"),
        ("video_a,video_b,real\na.mp4,b.mp4,c\n", r"row 2, column 'real': 'c'; expected a, b or nothing"),
        ("video_a,video_b,real\na.mp4,b.mp4,b\n", r"row 2, column 'real' makes 'b.mp4' real, but it is fake"),
        ("video_a,video_b\na.mp4,c.mp4\n", r"row 2: video_a has subject '1', video_b '2'"),
        ("first,second\na.mp4,b.mp4\n", r"names the columns 'first', 'second'; expected video_a, video_b"),
        ("video,label\na.mp4,real\na.mp4,real\n", r"row 3, column 'video': 'a.mp4' is already in row 2"),
        ("video_a,video_b\n", r"no rows below the column names; expected one row per pair"),
        ("video_a,video_b\n,b.mp4\n", r"row 2, column 'video_a' is empty"),
        ("video,emotion\na.mp4,hapy\n", r"row 2, column 'emotion': unknown emotion 'hapy'"),
        ("video,label\na.mp4,maybe\n", r"row 2, column 'label': unknown label 'maybe'"),
    ],
)
def test_wrong_pairs_are_named_by_row_and_column(tmp_path, table, text, message):
    with pytest.raises(InputError, match=message):
        pairs_of(tmp_path, table, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,x\na,1\na,2\n", r"row 3, column 'video': 'a' is already in row 2; keep one"),
        ("video,face_id,x\na,0,1\na,1,2\n", r"with faces 0 and 1; keep the row of the face that counts"),
        ("video,emotion,x\na,hapy,1\n", r"row 2, column 'emotion': unknown emotion 'hapy'; known: angry"),
        ("video,label,x\na,true?,1\n", r"row 2, column 'label': unknown label"),
        ("video,x\na,1\nb,1\nc,one\n", r"row 4, column 'x': 'one' is not a number"),
        ("video,note\na,hello\n", r"no numeric column"),
        ("video,x,y\na,1,\nb,2,\n", r"column 'y' has no number in any row"),
        ("video,x,x\na,1,2\n", r"row 1 has the column 'x' more than once"),
        ("video,x\na,1,2\n", r"row 2 has 3 cells, the header has 2"),
        ("name,x\na,1\n", r"row 1 lacks the column video; found 'name', 'x'"),
        ("", r"empty"),
        ("video,x\n", r"no rows"),
        ("video,x\n,1\n", r"row 2, column 'video' is empty"),
        ("video,x\na,1\nb,-1e300\n", r"row 3, column 'x': -1e\+300 is too large to compute with"),
    ],
)
def test_wrong_tables_are_named_by_row_and_column(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_descriptor_table(write(tmp_path, text))


def test_wrong_encoding_names_the_row(tmp_path):
    with pytest.raises(InputError, match=r"row 3 is not UTF-8 \(byte 0xe4\)"):
        read_descriptor_table(write(tmp_path, "video,x\na,1\nBär,2\n", encoding="latin-1"))


def test_missing_file_and_broken_parquet(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_descriptor_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="not a readable parquet file"):
        read_descriptor_table(write(tmp_path, "video,x\n", name="t.parquet"))


def test_other_emotions_can_be_declared(tmp_path):
    path = write(tmp_path, "video,emotion,x\na,Pain,1\n")
    assert read_descriptor_table(path, more_emotions=["pain"]).emotions[0] == "pain"


def test_videos_without_values_stay_in_the_table_but_not_in_pairs(tmp_path):
    text = "video,subject,label,x,y\na,1,real,1,2\nb,1,fake,,2\nc,1,fake,inf,nan\n"
    table = read_descriptor_table(write(tmp_path, text))
    assert set(table.unusable) == {1, 2}
    assert "row 3, column 'x'" in table.unusable[1]
    assert "and 1 more" in table.unusable[2]
    usable = np.isfinite(table.values).all(axis=1)
    assert len(pair_up(table.subjects, table.emotions, table.labels, usable).candidates) == 0


def test_constant_action_unit_is_noticed(tmp_path):
    text = "video,AU04_value_mean,AU04_speed_max,AU12_value_mean,AU12_speed_max\na,0,1,5,2\nb,0,1,5,3\n"
    assert read_descriptor_table(write(tmp_path, text)).constant_aus == ["AU04"]


def test_faces_are_clustered_by_person():
    rng = np.random.default_rng(0)
    people = rng.normal(size=(4, 50))
    who = np.array([2, 0, 0, 1, 3, 2, 1, 3, 0])
    found = cluster_subjects(people[who] + 0.2 * rng.normal(size=(9, 50)))
    assert len(np.unique(found.subject)) == 4
    assert all(len(set(found.subject[who == person])) == 1 for person in range(4))
    assert found.confidence.min() > 0.6
    assert (who[found.nearest] == who).all()
    assert len(np.unique(cluster_subjects(people[who], n_subjects=2).subject)) == 2


def test_two_videos_alone_are_one_person():
    assert cluster_subjects(np.eye(2)).subject.tolist() == [0, 0]


def test_identity_vector_is_alike_for_a_shifted_brighter_face_and_not_for_another():
    from skimage.data import astronaut

    grey = astronaut()[..., 1][0:300, 100:400].copy()
    eyes_and_nose = np.zeros((68, 2))
    eyes_and_nose[[36, 45, 30]] = [[97, 105], [150, 103], [124, 135]]
    same = identity_vector([grey], [eyes_and_nose])
    moved = np.roll(grey, 7, axis=1)
    shifted = identity_vector([np.clip(moved * 0.9 + 10, 0, 255).astype(np.uint8)], [eyes_and_nose + np.array([7, 0])])
    other = identity_vector([grey[::-1].copy()], [eyes_and_nose])
    assert np.linalg.norm(same - shifted) < 0.6 * np.linalg.norm(same - other)


def test_a_video_is_found_by_a_number_without_its_zeros(tmp_path):
    text = "video,subject,AU12_speed_max\n007,1,1\n08.mp4,1,2\n8x,1,3\n"
    table = read_descriptor_table(write(tmp_path, text))
    _table, pairs = pairs_of(tmp_path, table, "video_a,video_b\n7,08\n")
    assert pairs.candidates.tolist() == [[0, 1]]
    with pytest.raises(InputError, match="'8' is not among the 3 videos"):
        pairs_of(tmp_path, table, "video_a,video_b\n7,8\n")
