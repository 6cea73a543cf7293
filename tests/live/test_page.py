"""The page as a player meets it: the real server, a real browser, real keys, the sound it makes."""

import base64
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from jam_process import jam_at
from playwright.sync_api import expect, sync_playwright

pytestmark = pytest.mark.realtime

HERE = Path(__file__).parent
WEB = HERE.parents[1] / "web"
SHIPPED = HERE.parents[1] / "src" / "gapt" / "live" / "page"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

BARS, BEAT = 16, 0.5  # 120 BPM
# (key, pitch, beats), 4 bars; a rest has no key.
TUNE = [
    ("KeyG", 67, 1), ("KeyG", 67, 1), ("KeyD", 64, 1), ("KeyG", 67, 1),
    ("KeyK", 72, 1.5), ("KeyJ", 71, 0.5), ("KeyH", 69, 1), ("KeyG", 67, 1),
    ("KeyF", 65, 1), ("KeyH", 69, 1), ("KeyG", 67, 0.5), ("KeyF", 65, 0.5), ("KeyD", 64, 1),
    ("KeyS", 62, 1), ("KeyD", 64, 1), ("KeyA", 60, 1.5), (None, None, 0.5),
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium or Chrome on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, jam):
    """The page, connected and idle; it must not have complained when the test ends."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        complaints = listen_for_complaints(page)
        page.goto(jam)
        expect(page.locator("#status")).to_have_text("Connected")
        yield page
        assert complaints == []


def listen_for_complaints(page):
    complaints = []
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def wait_until(page, condition, timeout=10.0):
    """Playwright's own wait would evaluate a string in the page, which the page forbids."""
    end = time.monotonic() + timeout
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never came: {condition}"
        page.wait_for_timeout(5)


# --- sixteen bars ---------------------------------------------------------------------------------


@dataclass
class Performance:
    """What a take of `BARS` bars left behind."""

    frames: list
    late: int
    rate: float
    sound: np.ndarray
    hosts: set
    complaints: list

    def between(self, start, end):
        """Samples between two audio times."""
        return self.sound[round(start * self.rate) : round(end * self.rate)]


@pytest.fixture(scope="module")
def performance(browser, jam, tmp_path_factory):
    with browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="dark"
    ) as context:
        page = context.new_page()
        hosts, complaints = set(), listen_for_complaints(page)
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.on("websocket", lambda websocket: hosts.add(urlsplit(websocket.url).netloc))
        page.add_init_script(path=HERE / "audio_tap.js")
        page.goto(jam)
        expect(page.locator("#status")).to_have_text("Connected")
        page.get_by_label("Tempo", exact=True).fill("120")
        page.get_by_label("Listens first").select_option("not at all")
        page.get_by_label("Adventurous").fill("1.2")
        page.keyboard.press("Space")
        play_tune(page)
        late = page.evaluate("gapt.ledger.late")
        frames = page.evaluate("gapt.ledger.frames")
        page.screenshot(path=tmp_path_factory.mktemp("screens") / "playing.png")
        page.keyboard.press("Space")
        wait_until(page, "!gapt.playing")
        tap = page.evaluate("audioTap.read()")
    rate = tap["rate"]
    blocks = [
        (round(start * rate), np.frombuffer(base64.b64decode(data), np.int16) / 32767)
        for start, data in tap["blocks"]
    ]
    sound = np.zeros(blocks[-1][0] + len(blocks[-1][1]))
    for (first, samples), (following, _) in pairwise(blocks):
        assert following - first < 1.5 * len(samples), "the tap lost sound"
    for first, samples in blocks:
        sound[first : first + len(samples)] = samples
    return Performance(frames, late, rate, sound, hosts, complaints)


def play_tune(page):
    """Press the tune's keys on time, until `BARS` bars have gone by."""
    wait_until(page, "gapt.playing && gapt.position > -8")
    origin = time.monotonic() - page.evaluate("gapt.position") * BEAT / 4

    def sleep_until(beat):
        page.wait_for_timeout(max(0.0, origin + beat * BEAT - time.monotonic()) * 1000)

    beat = 0.0
    while beat < 4 * BARS:
        for key, _, beats in TUNE:
            sleep_until(beat)
            if key:
                page.keyboard.down(key)
                sleep_until(beat + beats - 0.1)
                page.keyboard.up(key)
            beat += beats
    sleep_until(beat + 0.25)


def test_every_frame_has_its_chord_and_none_comes_late(performance):
    frames = performance.frames
    assert [f["frame"] for f in frames] == list(range(len(frames)))
    assert len(frames) > 16 * BARS
    assert performance.late == 0
    assert [f["frame"] for f in frames if f["decided"] > f["start"]] == []
    starts = [f["start"] for f in frames]
    assert np.allclose(np.diff(starts), BEAT / 4)


def test_chords_go_along_all_the_way(performance):
    bars = [performance.frames[16 * bar : 16 * bar + 16] for bar in range(BARS)]
    # A model may choose to be silent, but not for long under this tune.
    assert sum(any(f["name"] for f in bar) for bar in bars) >= 0.75 * BARS


def test_the_model_hears_what_is_played(performance):
    onsets = {
        (f["melody"]["pitch"], f["frame"])
        for f in performance.frames
        if f["melody"] and f["melody"]["onset"]
    }
    played, beat = [], 0.0
    for key, pitch, beats in TUNE * (BARS // 4):
        played += [(pitch, round(4 * beat))] * bool(key)
        beat += beats
    assert len(onsets) == len(played)
    # A loaded machine may press a key late by a few hundredths of a second.
    heard = [any((pitch, t + d) in onsets for d in (-1, 0, 1)) for pitch, t in played]
    assert all(heard)
    assert sum(note in onsets for note in played) > 0.9 * len(played)


def test_sound_comes_out_in_every_bar_and_never_overloads(performance):
    frames = performance.frames
    for bar in range(BARS):
        first = frames[16 * bar]["start"]
        bar_sound = performance.between(first, first + 4 * BEAT)
        assert 0.01 < np.sqrt(np.mean(bar_sound**2)) < 0.5, bar
    assert np.abs(performance.sound).max() < 0.99


def test_the_chords_that_are_named_are_the_chords_that_sound(performance):
    struck = [i for i, f in enumerate(performance.frames) if f["onset"]]
    ends = [*struck[1:], len(performance.frames)]
    spans = sorted(zip(struck, ends, strict=True), key=lambda span: span[0] - span[1])[:24]
    there, elsewhere = [], []
    for first, end in spans:
        start = performance.frames[first]["start"]
        level = pitch_levels(performance, start + 0.02, start + min(4, end - first) * BEAT / 4)
        chord = performance.frames[first]["notes"]
        melody = {
            f["melody"]["pitch"] for f in performance.frames[first : first + 4] if f["melody"]
        }
        sounding = {
            note + overtone for note in [*chord, *(melody - {None})] for overtone in (0, 12)
        }
        there += [level[note] for note in chord]
        elsewhere += [level[p] for p in range(36, 73) if not sounding & {p - 1, p, p + 1}]
    noise = np.median(elsewhere)
    assert np.median(there) > 5 * noise
    assert np.mean(np.array(there) > 2 * noise) > 0.85


def pitch_levels(performance, start, end):
    """Amplitude at each MIDI pitch."""
    samples = performance.between(start, end)
    window = np.hanning(len(samples))
    n = np.arange(len(samples)) / performance.rate
    pitches = np.arange(128)
    frequencies = 440 * 2 ** ((pitches[:73] - 69) / 12)
    return (
        np.abs(np.exp(-2j * np.pi * frequencies[:, None] * n) @ (samples * window)) / window.sum()
    )


def test_nothing_is_asked_of_another_host_and_nothing_goes_wrong(performance, jam):
    assert performance.hosts == {urlsplit(jam).netloc}
    assert performance.complaints == []


# --- the page by itself ---------------------------------------------------------------------------


def test_a_stalled_page_holds_its_chord_counts_and_recovers(page):
    page.add_init_script(path=HERE / "audio_tap.js")
    page.reload()
    page.get_by_role("button", name="Start").click()
    wait_until(page, "gapt.position > 6")
    assert page.evaluate("gapt.ledger.late") == 0
    page.evaluate("const end = performance.now() + 500; while (performance.now() < end);")
    wait_until(page, "gapt.position > 16")
    late = page.evaluate("gapt.ledger.late")
    assert late >= 2
    expect(page.locator("#timing")).to_contain_text(f"late {late}")
    frames = page.evaluate("gapt.ledger.frames")
    assert [f["frame"] for f in frames] == list(range(len(frames)))
    assert all(f["decided"] <= f["start"] for f in frames[-3:])
    assert min(page.evaluate("audioTap.read().leads")) >= 0, "something was started in the past"
    page.get_by_role("button", name="Stop").click()


def pressed(page):
    return [int(p) for p in page.locator("#piano .pressed").evaluate_all(
        "keys => keys.map((key) => key.dataset.pitch)"
    )]  # fmt: skip


def test_keys_play_shift_octaves_and_are_let_go_on_blur(page):
    page.keyboard.down("KeyA")
    page.keyboard.down("KeyA")  # what holding a key repeats
    page.keyboard.down("KeyD")
    assert pressed(page) == [60, 64]
    page.keyboard.press("KeyX")
    page.keyboard.up("KeyA")
    page.keyboard.down("KeyA")
    assert pressed(page) == [64, 72]
    page.evaluate("dispatchEvent(new Event('blur'))")
    assert pressed(page) == []


def test_the_piano_is_played_by_pointer_and_sliding_moves_on(page):
    centre = {}
    for pitch in (64, 65):
        box = page.locator(f'#piano [data-pitch="{pitch}"]').bounding_box()
        centre[pitch] = (box["x"] + box["width"] / 2, box["y"] + 0.9 * box["height"])
    page.mouse.move(*centre[64])
    page.mouse.down()
    assert pressed(page) == [64]
    page.mouse.move(*centre[65])
    assert pressed(page) == [65]
    page.mouse.up()
    assert pressed(page) == []


@pytest.mark.parametrize(("width", "height"), [(375, 812), (1280, 800)])
def test_the_page_fits_and_every_control_has_a_name(page, width, height, tmp_path):
    page.set_viewport_size({"width": width, "height": height})
    page.screenshot(path=tmp_path / "page.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.locator("button:visible, input:visible, select:visible").all():
        snapshot = control.aria_snapshot()
        assert re.search(r'"[^"]+"', snapshot), snapshot


def test_a_lost_connection_is_said_and_mended(browser, model_name):
    with jam_at(model_name) as (process, url):
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        expect(page.locator("#status")).to_have_text("Connected")
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
    expect(page.locator("#status")).to_contain_text("Connection lost")
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    with jam_at(model_name, port=urlsplit(url).port):
        expect(page.locator("#status")).to_have_text("Connected", timeout=15_000)
    context.close()


# --- its modules ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def modules(browser, jam):
    """Any document of the server: a place to import the page's modules in."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(jam + "icon.svg")
        yield page


MELODY = """async ([events, frames]) => {
  const { Melody } = await import("/melody.js");
  const melody = new Melody();
  const told = [];
  for (const [kind, pitch, position] of events) {
    while (position >= melody.frame + 0.5) told.push(melody.take());
    melody[kind](pitch, position);
  }
  while (told.length < frames) told.push(melody.take());
  return told.map(({ pitch, onset }) => (pitch === null ? "-" : onset ? `${pitch}!` : `${pitch}`));
}"""


@pytest.mark.parametrize(
    ("events", "told"),
    [
        # To the nearest frame: early and late.
        ([("press", 60, 0.6), ("release", 60, 3.4)], ["-", "60!", "60", "-", "-"]),
        # Pressed in the count-in, just before the downbeat.
        ([("press", 60, -0.4), ("release", 60, 1.6)], ["60!", "60", "-"]),
        # Held since earlier in the count-in; and let go before it ended.
        ([("press", 60, -5), ("release", 60, 2)], ["60!", "60", "-"]),
        ([("press", 60, -5), ("release", 60, -0.6)], ["-", "-"]),
        # Shorter than a frame.
        ([("press", 60, 1.1), ("release", 60, 1.2)], ["-", "60!", "-"]),
        # Two in one frame: the newest.
        ([("press", 60, 0.8), ("press", 64, 1.2)], ["-", "64!", "64"]),
        # The newest ends the one before; letting that go changes nothing, and it does not return.
        (
            [("press", 60, 0), ("press", 64, 2), ("release", 60, 3), ("release", 64, 4)],
            ["60!", "60", "64!", "64", "-"],
        ),
        ([("press", 60, 0), ("press", 64, 2), ("release", 64, 3)], ["60!", "60", "64!", "-", "-"]),
        # The same key again.
        (
            [("press", 60, 0), ("release", 60, 1.9), ("press", 60, 2)],
            ["60!", "60", "60!", "60"],
        ),
    ],
)
def test_presses_become_frames(modules, events, told):
    assert modules.evaluate(MELODY, [events, len(told)]) == told


def test_a_press_that_comes_after_its_frame_was_told_belongs_to_the_next(modules):
    told = modules.evaluate("""async () => {
      const { Melody } = await import("/melody.js");
      const melody = new Melody();
      const told = [melody.take(), melody.take()];
      melody.press(60, 1.3);
      return [...told, melody.take(), melody.take()];
    }""")
    assert [(state["pitch"], state["onset"]) for state in told[2:]] == [(60, True), (60, False)]


def test_a_new_tempo_bends_time_only_ahead(modules):
    times, later, position = modules.evaluate("""async () => {
      const { Transport } = await import("/clock.js");
      const transport = new Transport(0, 60);
      const times = (t) => [-16, 0, 1, 2, 3, 4, 8].map((frame) => t.timeOf(frame));
      const before = times(transport);
      transport.setTempo(90, 4.1);
      transport.setTempo(120, 4.1);
      return [before, times(transport), transport.positionAt(4.75 + 0.125)];
    }""")
    assert times == [0, 4, 4.25, 4.5, 4.75, 5, 6]
    assert later == [0, 4, 4.25, 4.5, 4.75, 4.875, 5.375]
    assert position == 4


def test_the_shipped_script_is_what_the_sources_compile_to(tmp_path):
    compiler = WEB / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.exists():
        pytest.skip("no TypeScript compiler here: run npm install in web/")
    subprocess.run(["node", compiler, "-p", WEB, "--outDir", tmp_path], check=True)
    compiled = {path.name: path.read_text() for path in tmp_path.glob("*.js")}
    shipped = {path.name: path.read_text() for path in SHIPPED.glob("*.js")}
    assert compiled == shipped
