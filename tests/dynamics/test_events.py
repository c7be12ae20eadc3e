"""Events of action units: onset, apex, offset; ELAN files that another reader opens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pympi.Elan import Eaf

from facs_pipeline.dynamics.elan import write_eaf
from facs_pipeline.dynamics.events import find_events, letter
from facs_pipeline.foundation.errors import InputError

BUMP = [0.0, 0.2, 0.8, 2.0, 3.1, 2.9, 0.7, 0.3, 0.0]


def times(n: int, fps: float = 25) -> np.ndarray:
    return np.arange(n) / fps


def test_onset_apex_offset():
    [event] = find_events(np.array(BUMP), times(9))
    assert event[:3] == (2, 4, 7)
    assert event[3:6] == pytest.approx((0.08, 0.16, 0.28))
    assert event.apex_intensity == 3.1
    assert event.mean_intensity == pytest.approx(np.mean(BUMP[2:7]))
    assert event.onset_seen
    assert event.offset_seen


def test_two_levels_make_one_event_of_noise_at_one_of_them():
    wave = 1.0 + 0.3 * np.tile([1, -1], 20)
    assert len(find_events(np.concatenate([[0.0] * 5, wave, [0.0] * 5]), times(50))) == 1
    assert find_events(np.minimum(wave, 0.99), times(40)) == []


def test_what_the_face_does_before_and_after_is_unknown():
    [event] = find_events(np.array([2.0, 3.0, 2.0]), times(3))
    assert not event.onset_seen
    assert not event.offset_seen
    assert (event.onset, event.offset) == (0, 2)
    gone = np.array([0.0, 2.0, 3.0, np.nan, 2.0, 2.0, 2.0, 0.0])
    first, second = find_events(gone, times(8))
    assert (first.onset_seen, first.offset_seen) == (True, False)
    assert first.offset == 2
    assert (second.onset_seen, second.offset_seen) == (False, True)
    assert second.offset == 7


def test_short_ones_are_left_out_unless_they_are_cut():
    spike = np.array([0.0, 0.0, 3.0, 0.0, 0.0])
    assert find_events(spike, times(5)) == []
    assert len(find_events(spike, times(5), shortest_s=0.0)) == 1
    assert len(find_events(spike, times(5, fps=5))) == 1
    assert len(find_events(spike[:3], times(3))) == 1


@pytest.mark.parametrize(("onset", "offset"), [(0.5, 1.0), (1.0, 0.0)])
def test_levels_that_make_no_sense(onset, offset):
    with pytest.raises(InputError, match="expected 0 < offset <= onset"):
        find_events(np.zeros(3), times(3), onset=onset, offset=offset)


@given(st.lists(st.one_of(st.floats(0, 5), st.just(float("nan"))), max_size=60))
def test_events_lie_apart_in_order_and_hold_every_strong_frame(values):
    values = np.array(values, float)
    events = find_events(values, times(len(values)), shortest_s=0.0)
    inside = np.zeros(len(values), bool)
    for event in events:
        span = slice(event.onset, event.offset + (not event.offset_seen))
        assert not inside[span].any()
        assert np.nanmin(values[span]) >= 0.5
        assert values[event.apex] == event.apex_intensity == np.nanmax(values[span]) >= 1
        inside[span] = True
    assert [event.onset for event in events] == sorted(event.onset for event in events)
    assert inside[np.nan_to_num(values) >= 1].all()


def test_letters():
    assert [letter(value) for value in (0.0, 1.0, 1.49, 1.5, 2.5, 3.5, 4.49, 4.5, 5.0)] == list("AAABCDDEE")


def test_elan_files_open_in_another_reader(tmp_path):
    [event] = find_events(np.array(BUMP), times(9))
    path, video = tmp_path / "anna.eaf", tmp_path / "anna & ben.mp4"
    video.touch()
    write_eaf(path, {"AU01": [(1, event), (1, event._replace(onset_s=2.0, offset_s=2.0))], "AU12": []}, video)
    document = Eaf(str(path))
    assert list(document.get_tier_names()) == ["AU01", "AU01 apex", "AU12"]
    assert [one[:3] for one in document.get_annotation_data_for_tier("AU01")] == [(80, 280, "1C"), (2000, 2001, "1C")]
    [media] = document.get_linked_files()
    assert media["MEDIA_URL"] == video.as_uri()
    assert media["MIME_TYPE"] == "video/mp4"
    assert media["RELATIVE_MEDIA_URL"] == "anna & ben.mp4"
    assert "TIME_ORIGIN" not in media
    first = path.read_bytes()
    write_eaf(path, {"AU01": [(1, event), (1, event._replace(onset_s=2.0, offset_s=2.0))], "AU12": []}, video)
    assert path.read_bytes() == first


def test_elan_offers_the_codes_of_each_unit_and_shows_apexes_and_doubts(tmp_path):
    [event] = find_events(np.array(BUMP), times(9))
    path = tmp_path / "anna.eaf"
    write_eaf(path, {"AU12": [(12, event)], "AU06": []}, remarks={"no face": [(0.5, 1.25, "no face")], "empty": []})
    document = Eaf(str(path))
    named = {name: document.get_cv_descriptions(name) for name in document.get_controlled_vocabulary_names()}
    assert named == {"AU12": [("eng", "Lip corner puller")], "AU06": [("eng", "Cheek raiser")]}
    codes = document.get_cv_entries("AU12")
    assert [values[0][0] for values, _ in codes.values()] == ["12A", "12B", "12C", "12D", "12E"]
    assert document.get_parameters_for_linguistic_type("AU12")["CONTROLLED_VOCABULARY_REF"] == "AU12"
    assert document.get_parameters_for_tier("AU12")["LINGUISTIC_TYPE_REF"] == "AU12"
    assert document.get_parameters_for_tier("AU12 apex")["PARENT_REF"] == "AU12"
    [(begin, end, text)] = document.get_annotation_data_for_tier("AU12 apex")
    assert (begin, end, text) == (round(1000 * event.apex_s), round(1000 * event.apex_s) + 40, "apex")
    assert document.get_annotation_data_for_tier("no face") == [(500, 1250, "no face")]
    assert document.get_annotation_data_for_tier("AU06") == []
    # What pympi has read and written again says the same.
    document.to_file(str(tmp_path / "again.eaf"))
    again = Eaf(str(tmp_path / "again.eaf"))
    for tier in document.get_tier_names():
        assert again.get_annotation_data_for_tier(tier) == document.get_annotation_data_for_tier(tier)


def test_elan_counts_from_where_players_begin(tmp_path):
    [event] = find_events(np.array(BUMP), times(9))
    path, video = tmp_path / "camera.eaf", tmp_path / "camera.MTS"
    video.touch()
    later = event._replace(onset_s=event.onset_s + 1.461, offset_s=event.offset_s + 1.461)
    write_eaf(path, {"AU01": [(1, later)]}, video, start_s=1.461)
    document = Eaf(str(path))
    [(start, end, _letter)] = document.get_annotation_data_for_tier("AU01")
    assert (start, end) == (80, 280)
    # ELAN shows, at a moment of the document, the media so many milliseconds later; the media begin with their start.
    origin = int(document.get_linked_files()[0]["TIME_ORIGIN"])
    container_start = float(dict(document.get_properties())["container_start_s"])
    assert (start + origin) / 1000 + container_start == pytest.approx(later.onset_s, abs=0.0005)
    assert (end + origin) / 1000 + container_start == pytest.approx(later.offset_s, abs=0.0005)


def test_a_long_gap_in_the_time_stamps_ends_an_event():
    held, beyond = np.array([0.0, 2.0, 3.0, 2.5, 2.5, 0.0]), np.r_[times(3), 7200 + times(3)]
    first, second = find_events(held, beyond)
    assert (first.onset, first.apex, first.offset, first.onset_seen, first.offset_seen) == (1, 2, 2, True, False)
    assert (second.onset, second.apex, second.offset, second.onset_seen, second.offset_seen) == (3, 3, 5, False, True)
    assert second.offset_s - second.onset_s < 1
    [whole] = find_events(held, np.r_[times(3), 9 + times(3)])
    assert (whole.onset, whole.offset) == (1, 5)


def test_elan_takes_names_that_xml_cannot_hold(tmp_path):
    [event] = find_events(np.array(BUMP), times(9))
    video = tmp_path / "clip\x1b.mp4"
    video.touch()
    write_eaf(tmp_path / "a.eaf", {"AU12 face \x00\x1b[2J<&\ud800": [(12, event)]}, video)
    name, _apex = Eaf(str(tmp_path / "a.eaf")).get_tier_names()
    assert name == "AU12 face \ufffd\ufffd[2J<&\ufffd"
