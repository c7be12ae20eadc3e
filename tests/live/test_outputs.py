"""What leaves the program while it measures: Lab Streaming Layer, Open Sound Control, JSON lines."""

from __future__ import annotations

import io
import json
import math
import socket
import sys
import time

import numpy as np
import pylsl
import pytest
from drawn_faces import drawn_frames
from pythonosc.osc_bundle import OscBundle

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.live.analyser import LiveAnalyser
from facs_pipeline.live.frames import LiveFrame
from facs_pipeline.live.json_lines import JsonLines
from facs_pipeline.live.lsl import LslStreams
from facs_pipeline.live.osc import OscSender, osc_target
from facs_pipeline.live.sources import PushedSource
from facs_pipeline.live.values import group_values, groups


@pytest.fixture(scope="module")
def session() -> tuple[LiveAnalyser, list[LiveFrame]]:
    """Five frames: a face with a mark in the third, and nobody in the last."""
    face = drawn_frames(1, "happiness", 40)[20]
    source = PushedSource("drawn")
    given = []
    with LiveAnalyser(source, smoothing="off", emotions="default", drop=False) as live:
        frames = iter(live)
        for number in range(5):
            source.push(face if number < 4 else np.zeros_like(face), number / 25)
            given.append(next(frames))
            if number == 1:
                live.mark("go", 0.05)
        source.end()
        assert list(frames) == []
    assert [len(frame.faces) for frame in given] == [1, 1, 1, 1, 0]
    return live, given


def test_json_lines_hold_everything_by_the_tables_names(session):
    live, frames = session
    file = io.StringIO()
    lines = JsonLines(file, live.analyser)
    for frame in frames:
        lines.write(frame)
    records = [json.loads(line, parse_constant=pytest.fail) for line in file.getvalue().splitlines()]
    assert [record["frame"] for record in records] == [0, 1, 2, 3, 4]
    assert {record["schema_version"] for record in records} == {1}
    assert records[2]["marks"] == [{"time_s": 0.05, "label": "go"}]
    [face] = records[2]["faces"]
    live_face = frames[2].faces[0]
    assert face["AU12_r"] == pytest.approx(live_face.intensities[live_face.aus.index(12)], abs=1e-4)
    assert face["AU12L_r"] == pytest.approx(live_face.left[live_face.sided_aus.index(12)], abs=1e-4)
    assert (face["AU12_c"], face["AU43_c"], face["blinks"]) == (1, 0, 0)
    assert face["emotion"] == "happy"
    assert np.shape(face["points"]) == (68, 2)
    # Nothing is known of the rate so early.
    assert face["blinks_per_minute"] is None
    assert records[4]["faces"] == []


def test_osc_bundles_are_read_by_another_implementation(session):
    live, frames = session
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        sender = OscSender(osc_target(f"127.0.0.1:{listener.getsockname()[1]}"), live.analyser)
        sender.write(frames[2])
        bundles = [OscBundle(listener.recv(65536)) for _ in range(3)]
        sender.write(frames[4])
        assert [message.address for message in OscBundle(listener.recv(65536))] == ["/facs/frame"]
        sender.close()
    frame, mark, values = ([(message.address, message.params) for message in bundle] for bundle in bundles)
    assert frame == [("/facs/frame", [2, pytest.approx(0.08)])]
    assert mark == [("/facs/mark", ["go", pytest.approx(0.05)])]
    face, by_address = frames[2].faces[0], dict(values)
    assert by_address["/facs/0/AU12_r"][0] == pytest.approx(face.intensities[face.aus.index(12)], abs=1e-5)
    assert by_address["/facs/0/gaze_angle_x"][0] == pytest.approx(face.gaze[0], abs=1e-5)
    assert "/facs/0/blinks_per_minute" not in by_address
    assert not any(math.isnan(params[0]) for params in by_address.values())


def test_osc_that_nobody_hears_is_no_error(session):
    live, frames = session
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
    sender = OscSender(osc_target(f"127.0.0.1:{port}"), live.analyser)
    for frame in frames:
        sender.write(frame)
    sender.close()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("localhost", "expected HOST:PORT"),
        ("localhost:0", "expected HOST:PORT"),
        ("localhost:port", "expected HOST:PORT"),
        ("192.0.2.1:9000", "on another machine; allow it with --allow-network"),
        ("0.0.0.0:9000", "on another machine"),
    ],
)
def test_osc_goes_to_this_machine_unless_allowed(target: str, message: str):
    with pytest.raises(InputError, match=message):
        osc_target(target)
    assert osc_target("192.0.2.1:9000", allow_network=True) == ("192.0.2.1", 9000)
    assert osc_target("[::1]:9000") == ("::1", 9000)


def test_lsl_streams_reach_an_inlet_with_names_units_and_the_pictures_time(session):
    live, frames = session
    of = {group.name: group for group in groups(live.analyser)}
    source = f"test {time.time()}"
    streams = LslStreams(source, live.analyser)
    try:
        inlets = {}
        for kind in (*of, "marks"):
            [info] = pylsl.resolve_byprop("source_id", f"facs {kind} 0 {source}", timeout=10)
            inlets[kind] = pylsl.StreamInlet(info)
            inlets[kind].open_stream(10)
        before = pylsl.local_clock()
        for frame in frames:
            streams.write(frame)
        samples = {kind: inlet.pull_sample(timeout=10) for kind, inlet in inlets.items()}
        for kind, group in of.items():
            values, _ = samples[kind]
            np.testing.assert_allclose(values, group_values(frames[0].faces[0], group), rtol=1e-5, atol=1e-6)
            rest = [inlets[kind].pull_sample(timeout=10) for _ in range(4)]
            # The face is gone in the last.
            assert np.isnan(rest[-1][0]).all()
            stamps = [samples[kind][1], *(stamp for _, stamp in rest)]
            expected = [before - (time.perf_counter() - frame.arrived) for frame in frames]
            assert stamps == sorted(stamps)
            np.testing.assert_allclose(np.diff(stamps), np.diff(expected), atol=0.02)
            assert stamps[-1] < before
        label, stamp = samples["marks"]
        assert label == ["go"]
        assert stamp == pytest.approx(stamps[2] - 0.03, abs=0.02)
        info = inlets["AU"].info(timeout=10)
        assert (info.type(), info.nominal_srate()) == ("FACS", pylsl.IRREGULAR_RATE)
        assert info.get_channel_labels() == list(of["AU"].channels)
        assert info.get_channel_units() == list(of["AU"].units)
        assert info.get_channel_units()[0] == "0..5"
    finally:
        streams.close()


def test_lsl_without_its_library_says_how_to_install_it(session, monkeypatch):
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(InputError, match=r"install it with: pip install 'facs-pipeline\[lsl\]'"):
        LslStreams("camera", session[0].analyser)
