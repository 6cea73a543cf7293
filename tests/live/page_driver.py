"""Drives the page in a real browser: opens it, sets it, plays it on time, reads what it did."""

import shutil
import time
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

HERE = Path(__file__).parent
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
KEYBOARD = "A keyboard"

# (pitch, first frame, frame after the last), four bars of 4/4.
TUNE = [
    (67, 0, 4), (67, 4, 8), (64, 8, 12), (67, 12, 16),
    (72, 16, 22), (71, 22, 24), (69, 24, 28), (67, 28, 32),
    (65, 32, 36), (69, 36, 40), (67, 40, 42), (65, 42, 44), (64, 44, 48),
    (62, 48, 52), (64, 52, 56), (60, 56, 62),
]  # fmt: skip


def repeated(notes, frames, times):
    """`notes`, which last `frames` frames, several times in a row."""
    return [(p, a + frames * i, b + frames * i) for i in range(times) for p, a, b in notes]


def evaluate_unasked(page, expression):
    """As `page.evaluate`, which Chromium takes for a gesture of the user's; this it does not."""
    session = page.context.new_cdp_session(page)
    asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
    return session.send("Runtime.evaluate", asked)["result"].get("value")


@contextmanager
def chromium():
    """A browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


def listen_for_complaints(page):
    """What the page complains of from now on."""
    complaints = []
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def wait_until(page, condition, timeout=10.0, evaluate=Page.evaluate):
    """Playwright's own wait would evaluate a string in the page, which the page forbids."""
    end = time.monotonic() + timeout
    while not evaluate(page, condition):
        assert time.monotonic() < end, f"never came: {condition}"
        page.wait_for_timeout(5)


def open_page(page, url):
    """Open it, with a MIDI keyboard plugged in that `play` plays on."""
    page.add_init_script(path=HERE / "fake_midi.js")
    page.goto(url)
    expect(page.locator("#status")).to_have_text("Connected")
    page.evaluate(f"fakeMidi.plug('{KEYBOARD}')")
    if page.locator("#midi").is_visible():
        page.locator("#midi").click()
    expect(page.locator("#midi-says")).to_have_text("1 keyboard connected")


def start(page, *, tempo=120, listen=0, lookahead=16, commit=1, temperature=None, metre=4):
    """Set it, and start a take."""
    page.locator("#advanced").evaluate("box => { box.open = true; }")
    page.get_by_label("Tempo", exact=True).fill(str(tempo))
    page.get_by_label("Listens first").select_option(str(listen))
    page.get_by_label("Metre").select_option(str(metre))
    page.get_by_label("Plans ahead").select_option(str(lookahead))
    page.get_by_label("Fixed ahead").select_option(str(commit))
    if temperature is not None:
        page.get_by_label("Adventurous").fill(str(temperature))
    page.locator("h1").click()  # the sound may begin, and no control has the focus
    page.keyboard.press("Space")
    wait_until(page, "gapt.playing")


def play(page, notes, tempo=120, until=None, meanwhile=()):
    """Play notes on the MIDI keyboard, on time, as far as the machine lets us.

    Args:
        page: a page that plays.
        notes: (pitch, first frame, frame after the last) in order.
        tempo: the page's.
        until: the frame to return at; the end of the last note if None.
        meanwhile: (frame, function) pairs, called then.

    Returns:
        The seconds by which the latest act was late.
    """
    frame = 60 / tempo / 4
    acts = [(at, act) for at, act in meanwhile]
    for pitch, on, off in notes:
        down = f"fakeMidi.send('{KEYBOARD}', 0x90, {pitch}, 100)"
        up = f"fakeMidi.send('{KEYBOARD}', 0x80, {pitch}, 0)"
        acts += [(on, lambda js=down: page.evaluate(js))]
        acts += [(off - 0.2, lambda js=up: page.evaluate(js))]
    acts.sort(key=lambda act: act[0])
    origin = _origin(page, frame)

    def sleep_until(position):
        page.wait_for_timeout(max(0.0, origin + position * frame - time.monotonic()) * 1000)

    delay = 0.0
    for position, act in acts:
        if until is not None and position > until:
            break
        sleep_until(position)
        act()
        delay = max(delay, time.monotonic() - origin - position * frame)
    if until is not None:
        sleep_until(until)
    return delay


def _origin(page, frame):
    """When frame 0 is, on our clock: from the question that was answered soonest."""
    trips = []
    for _ in range(5):
        asked = time.monotonic()
        position = page.evaluate("gapt.position")
        trip = time.monotonic() - asked
        trips.append((trip, asked + trip / 2 - position * frame))
    return min(trips)[1]


def answer_times(page):
    """Seconds from each press to the start of the first chord decided in its knowledge."""
    ledger, notes, delays = page.evaluate("[gapt.ledger, gapt.recording.notes, gapt.delays]")
    frames = ledger["frames"]
    times = []
    for note in notes:
        position = note["from"]
        at = int(position)
        if position < 0 or at + 1 >= len(frames):
            continue
        period = frames[at + 1]["start"] - frames[at]["start"]
        pressed = frames[at]["start"] + (position - at) * period + delays["latency"]
        told = round(position + (delays["latency"] - delays["appliedOffset"]) / period)
        answer = next((f for f in frames[at:] if f["heard"] >= told), None)
        if answer:
            times.append(answer["start"] - pressed + delays["output"])
    return times
