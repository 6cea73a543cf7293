"""The page's controls, keys and looks, without music."""

import re
import subprocess
from functools import partial
from pathlib import Path

import pytest
from cut_line import line_to
from jam_process import jam_at
from page_driver import (
    CHROMIUM,
    KEYBOARD,
    OPTIONS,
    evaluate_unasked,
    open_page,
    start,
    wait_until,
)
from playwright.sync_api import expect

HERE = Path(__file__).parent
WEB = HERE.parents[1] / "web"
SHIPPED = HERE.parents[1] / "src" / "gapt" / "live" / "page"
# What the Web Content Accessibility Guidelines ask for, and what axe thinks good practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pressed(page):
    keys = page.locator("#piano .pressed")
    return [int(p) for p in keys.evaluate_all("keys => keys.map((key) => key.dataset.pitch)")]


def test_keys_play_shift_octaves_and_are_let_go_on_blur(page):
    page.evaluate("""() => {
      window.typed = 0;
      addEventListener("keydown", (event) => (typed += event.defaultPrevented ? 0 : 1));
    }""")
    page.keyboard.down("KeyA")
    page.keyboard.down("KeyA")  # what holding a key repeats
    page.keyboard.down("KeyD")
    page.keyboard.press("Slash")  # beside the last of them, and a search bar in Firefox
    assert pressed(page) == [60, 64]
    assert page.evaluate("typed") == 0, "nor does what is held type or scroll"
    page.keyboard.press("KeyX")
    page.keyboard.up("KeyA")
    page.keyboard.down("KeyA")
    assert pressed(page) == [64, 72]
    page.evaluate("dispatchEvent(new Event('blur'))")
    assert pressed(page) == []
    page.keyboard.down("KeyD")
    page.keyboard.press("Meta")  # while it is held, macOS tells of no key let go
    assert pressed(page) == []


def test_the_page_speaks_of_the_keys_as_they_are_printed(browser, jam):
    # As on a French keyboard, whose A lies where a US one has its Q.
    printed = {"KeyA": "q", "KeyZ": "w", "KeyB": "b", "KeyM": ",", "KeyN": "n", "Quote": "ù"}
    with browser.new_context() as context:
        page = context.new_page()
        page.add_init_script(
            "Object.defineProperty(navigator, 'keyboard', "
            f"{{value: {{getLayoutMap: async () => new Map(Object.entries({printed}))}}}})"
        )
        open_page(page, jam)
        expect(page.locator("#octave-down")).to_have_text("W −")
        expect(page.locator("#octave-down")).to_have_attribute("aria-keyshortcuts", "W")
        expect(page.locator("#octave-down")).to_have_attribute("aria-label", "W −, octave down")
        expect(page.locator("#octave-help")).to_contain_text("W and X")
        expect(page.locator("#octave-up")).to_have_text("X +")  # the browser does not tell
        expect(page.locator("#piano .letter").first).to_have_text("Q")
        expect(page.locator("#piano .letter").nth(1)).to_have_text("S")
        expect(page.locator(".hint.for-keys")).to_contain_text("Q to Ù play")
        before = page.locator("#octave").text_content()
        page.keyboard.press("KeyZ")  # the position, whatever is printed there
        expect(page.locator("#octave")).not_to_have_text(before)


def test_where_the_browser_does_not_tell_the_letters_are_learned_from_what_is_typed(page):
    press = "({ code, key }) => void dispatchEvent(new KeyboardEvent('keydown', { code, key }))"
    for code, key in (("KeyA", "q"), ("KeyZ", "w"), ("KeyS", "s")):
        page.evaluate(press, {"code": code, "key": key})
    expect(page.locator("#piano .letter").first).to_have_text("Q")
    expect(page.locator("#octave-down")).to_have_text("W −")
    expect(page.locator(".hint.for-keys")).to_contain_text("Q to ' play")


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
    page.locator("#piano [data-pitch='60']").evaluate("key => key.click()")  # no pointer at all
    assert pressed(page) == [60]
    wait_until(page, "!document.querySelector('#piano .pressed')")


def test_midi_keyboards_play_sustain_and_are_plugged_in_and_out(page):
    def send(name, *data):
        page.evaluate(f"fakeMidi.send('{name}', {', '.join(map(str, data))})")

    send(KEYBOARD, 0x99, 36, 90)  # a drum pad
    assert pressed(page) == []
    send(KEYBOARD, 0x90, 60, 90)
    send(KEYBOARD, 0xB0, 64, 127)
    send(KEYBOARD, 0x80, 60, 0)
    send(KEYBOARD, 0x91, 64, 90)
    send(KEYBOARD, 0x91, 64, 0)  # how many keyboards say that a key is up
    assert pressed(page) == [60, 64], "the pedal holds what is let go"
    send(KEYBOARD, 0xB0, 64, 0)
    assert pressed(page) == []

    page.keyboard.down("KeyA")
    send(KEYBOARD, 0x90, 60, 90)
    page.keyboard.up("KeyA")
    assert pressed(page) == [60], "two keys held it"
    send(KEYBOARD, 0x80, 60, 0)
    assert pressed(page) == []

    page.evaluate("fakeMidi.plug('Another')")
    send("Another", 0x90, 62, 1)
    assert pressed(page) == [62]
    for channel in range(1, 16):  # a channel a note (MPE)
        send("Another", 0x90 | channel, 70, 90)
        assert pressed(page) == [62, 70], channel
        send("Another", 0x80 | channel, 70, 0)
    page.get_by_label("Listen to").select_option(KEYBOARD)
    assert pressed(page) == [], "who is no longer heard lets go"
    send("Another", 0x90, 65, 90)
    assert pressed(page) == []
    send(KEYBOARD, 0xB0, 64, 127)
    send(KEYBOARD, 0x90, 67, 90)
    page.evaluate(f"fakeMidi.unplug('{KEYBOARD}')")
    assert pressed(page) == []
    page.evaluate(f"fakeMidi.plug('{KEYBOARD}')")
    send(KEYBOARD, 0x90, 67, 90)
    send(KEYBOARD, 0x80, 67, 0)
    assert pressed(page) == [], "nobody holds the pedal down any more"
    send(KEYBOARD, 0x90, 67, 90)
    send(KEYBOARD, 0xB0, 123, 0)  # all notes off
    assert pressed(page) == []


def test_tapping_sets_the_tempo(page):
    page.evaluate(
        """async () => {
          const { TapTempo } = await import("/calibration.js");
          const taps = new TapTempo();
          window.tapped = [0, 0.4, 0.8, 1.2, 9, 9.6, 10.2].map((at) => taps.tap(at));
        }"""
    )
    tapped = page.evaluate("tapped")
    assert tapped[:2] == [None, None]
    assert tapped[2:4] == pytest.approx([150, 150])
    assert tapped[4:6] == [None, None], "after a pause it begins anew"
    assert tapped[6] == pytest.approx(100)

    # By key, by pointer, and by key on the button; at times of our choice.
    page.evaluate("Object.defineProperty(Event.prototype, 'timeStamp', { get: () => now })")
    tap = page.locator("#tap")
    for began, interval, bpm, act in (
        (10_000, 400, "150", partial(page.keyboard.press, "B")),
        (20_000, 600, "100", tap.click),
        (30_000, 480, "125", partial(tap.press, "Enter")),
    ):
        for i in range(3):
            page.evaluate(f"window.now = {began + i * interval}")
            act()
        expect(page.locator("#tempo")).to_have_value(bpm)
    page.reload()
    expect(page.locator("#tempo")).to_have_value("125")


def test_what_was_set_is_set_when_the_page_comes_back(page):
    page.get_by_label("Tempo", exact=True).fill("137")
    page.get_by_label("Metre").select_option("3/4")
    page.get_by_role("radio", name="Rhythm").check(force=True)
    page.get_by_label("Chords", exact=True).uncheck()
    page.get_by_label("Sound of the chords").select_option("organ")
    page.reload()
    expect(page.get_by_label("Tempo", exact=True)).to_have_value("137")
    expect(page.locator("#tempo-value")).to_have_text("137")
    expect(page.get_by_label("Metre")).to_have_value("3")
    expect(page.get_by_role("radio", name="Rhythm")).to_be_checked()
    expect(page.get_by_label("Chords", exact=True)).not_to_be_checked()
    expect(page.get_by_label("Sound of the chords")).to_have_value("organ")


def test_the_keyboard_alone_reaches_every_control_and_plays(page):
    reached = set()
    page.locator("body").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.name"))
    wanted = {"start", "tempo", "tap", "metre", "listen", "model", "temperature", "style"}
    wanted |= {"chords-on", "chords-sound", "chords-volume", "melody-on", "metronome"}
    assert wanted <= reached
    page.locator("#start").focus()
    page.keyboard.press("Space")
    wait_until(page, "gapt.playing")
    page.keyboard.press("Enter")
    wait_until(page, "!gapt.playing")
    page.locator("#metre").focus()
    page.keyboard.press("A")  # chooses in a list there, plays nothing
    assert pressed(page) == []


def test_every_control_says_what_it_does_to_screen_readers_mice_and_whoever_asks(page):
    controls = page.locator("#controls :is(button, input, select, summary), meter, #timing")
    told = """(controls) => controls.map((control) => {
      const told = control.closest("[aria-describedby]");
      const help = document.getElementById(told?.getAttribute("aria-describedby"));
      const shown = help !== null && getComputedStyle(help.closest(".help")).display !== "none";
      return [control.id, help?.textContent, told?.title, shown];
    })"""
    before = controls.evaluate_all(told)
    assert len(before) > 30
    for control, help_text, title, shown in before:
        assert help_text, control
        assert title == help_text
        assert not shown
    assert any("gapt: varied" in help_text for _, help_text, _, _ in before)
    page.get_by_role("button", name="Explain").click()
    assert all(shown for *_, shown in controls.evaluate_all(told))


def test_who_points_gets_the_keys_back_and_who_tabs_keeps_the_focus(page):
    def focused():
        return page.evaluate("document.activeElement.id")

    def escape():  # a dialog tells that it closed only after it is hidden
        expect(page.get_by_role("dialog")).to_be_visible()
        page.evaluate("""() => {
          const dialog = document.querySelector("dialog[open]");
          window.told = new Promise((tell) => dialog.addEventListener("close", tell));
        }""")
        page.keyboard.press("Escape")
        page.evaluate("window.told.then(() => {})")
        expect(page.get_by_role("dialog")).to_be_hidden()

    page.locator("#explain").click()
    assert focused() == ""
    page.locator("#metre").focus()
    page.keyboard.down("A")  # a list that was left without choosing
    assert pressed(page) == [60]
    assert focused() == ""
    page.keyboard.up("A")
    page.locator("#metre").focus()
    page.locator("#metre").select_option("3")
    assert focused() == ""
    page.locator("#advanced summary").click()
    page.locator("#calibrate").click()
    escape()
    wait_until(page, "document.activeElement.id === ''")  # which it is once that has been painted

    page.locator("#tap").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    assert page.locator("#metre").input_value() == "4"
    assert focused() == "metre"
    page.locator("#calibrate").focus()
    page.keyboard.press("Enter")
    escape()
    assert focused() == "calibrate"


def test_measuring_is_cancelled_by_keyboard(page):
    page.locator("#advanced summary").click()
    page.get_by_role("button", name="Measure").click()
    dialog = page.get_by_role("dialog", name="Input offset")
    expect(dialog).to_be_visible()  # once the sound is awake
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()


def test_midi_that_is_denied_says_what_can_be_done(page):
    page.reload()
    page.evaluate("() => { navigator.requestMIDIAccess = () => Promise.reject('denied'); }")
    page.locator("#midi").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#midi-says")).to_contain_text("Allow MIDI for this page")
    expect(page.locator("#midi")).to_be_focused()


# Phones, upright and on their side; low laptops; what a laptop's page is when it is zoomed.
@pytest.mark.parametrize(
    ("width", "height"),
    [
        (390, 664),
        (320, 568),
        (844, 390),
        (568, 320),
        (1280, 600),
        (1001, 521),
        (640, 400),
        (853, 683),
    ],
)
def test_start_and_all_that_is_played_on_are_in_sight(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    places = ("#go", "#piano", "#start", "#runway")
    go, piano, start_button, runway = (page.locator(each).bounding_box() for each in places)
    for box in (go, piano, start_button):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    assert runway["height"] > 50
    assert min(go["y"], piano["y"]) + 40 < max(go["y"], piano["y"])
    assert go["y"] + go["height"] <= piano["y"] or piano["y"] + piano["height"] <= go["y"]
    page.locator("#advanced summary").focus()  # nothing is focused behind the bar
    if page.locator("#go").evaluate("go => getComputedStyle(go).position") == "fixed":
        focused = page.locator("#advanced summary").bounding_box()
        assert focused["y"] + focused["height"] <= go["y"]
    # What falls has a key to fall on, however few there are.
    columns = page.evaluate("""async () => {
      const { Piano } = await import("/piano.js");
      const piano = new Piano(document.getElementById("piano"));
      piano.setOctave(60);
      return Array.from({ length: 60 }, (_, i) => piano.column(30 + i));
    }""")
    assert all(columns)
    page.get_by_role("button", name="Explain").click()
    assert page.locator("#piano").bounding_box()["height"] == piano["height"]


def test_enlarged_as_far_as_may_be_nothing_is_hidden_or_off_to_the_side(page):
    page.set_viewport_size({"width": 320, "height": 256})  # 1280 x 1024 at 400 %
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    bar = page.locator("#go").bounding_box()
    for seen in ("h1", "#status", "#chord"):
        box = page.locator(seen).bounding_box()
        assert box["y"] + box["height"] <= bar["y"], seen


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
def test_a_larger_font_enlarges_everything_and_it_still_fits(browser, jam, width, height):
    large = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*OPTIONS, "--blink-settings=defaultFontSize=24"]
    )
    with large, large.new_context(viewport={"width": width, "height": height}) as context:
        page = context.new_page()
        page.goto(jam)
        expect(page.locator("#status")).to_have_text("Connected")
        assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "24px"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for seen in ("#go", "#piano"):
            box = page.locator(seen).bounding_box()
            assert box["y"] + box["height"] <= height


def test_on_a_phone_nothing_that_is_said_while_playing_moves_the_piano(page):
    page.set_viewport_size({"width": 320, "height": 568})
    before = page.locator("#piano").bounding_box()
    start(page, tempo=200)
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator("#timing")).to_contain_text("late")
    page.evaluate("""() => {
      document.getElementById("status").textContent = "Something went wrong. ".repeat(6);
    }""")
    assert page.locator("#piano").bounding_box() == before


def test_on_the_narrowest_phone_what_is_chosen_can_be_read(page):
    page.set_viewport_size({"width": 320, "height": 568})
    cut = page.locator("select:visible").evaluate_all("""(selects) => {
      const c = document.createElement("canvas").getContext("2d");
      return selects.filter((select) => {
        const { font, paddingLeft, paddingRight } = getComputedStyle(select);
        c.font = font;
        const room = select.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
        return c.measureText(select.selectedOptions[0].text).width > room;
      }).map((select) => select.id);
    }""")
    assert cut == []


def test_the_widest_chord_leaves_the_gauges_alone(page):
    page.set_viewport_size({"width": 1001, "height": 900})
    end = page.locator("#chord").evaluate("""(chord) => {
      chord.className = "";
      chord.innerHTML = "E<span class=accidental>♭</span><span class=suffix>m7</span>"
        + "<span class=bass>/B♭</span>";
      const text = document.createRange();
      text.selectNodeContents(chord);
      return text.getBoundingClientRect().right;
    }""")
    assert end <= page.locator("#side").bounding_box()["x"]


def test_where_the_system_chooses_the_colours_nothing_is_lost(page):
    page.emulate_media(forced_colors="active")
    page.keyboard.down("KeyA")
    keys, dots, edge, captions = page.evaluate("""() => {
      const beats = document.getElementById("beats");
      beats.innerHTML = "<i></i><i></i><i class=now></i>";
      document.querySelector("#piano .white").classList.add("chord");
      const look = (what, of) => getComputedStyle(document.querySelector(of))[what];
      return [
        [".chord", ".pressed", ".white:nth-child(2)"].map((key) =>
          look("backgroundColor", `#piano ${key}`)),
        ["i", ".now"].map((dot) => look("backgroundColor", `#beats ${dot}`)),
        look("borderTopStyle", "#start"),
        ["[for=tempo]", "#chords-on + span", "#metronome + span"].map((of) =>
          look("color", of)),
      ];
    }""")
    assert len(set(keys)) == 3
    assert len(set(dots)) == 2
    assert edge == "solid"
    assert len(set(captions)) == 1


def test_names_of_coming_chords_do_not_lie_on_each_other(page):
    named = page.evaluate("""async () => {
      const { Runway } = await import("/runway.js");
      const canvas = document.createElement("canvas");
      canvas.style = "display: block; width: 400px; height: 200px";
      document.body.append(canvas);
      const runway = new Runway(canvas, { column: () => null, fold: (pitch) => pitch });
      await new Promise((done) => setTimeout(done, 200)); // until its size is known
      const names = ["Am", "C", "G", "G", "F", "F", "F", "F"];
      const chords = names.map((name, frame) =>
        ({ frame, name, onset: name !== names[frame - 1], notes: [48] }));
      let named;
      canvas.getContext("2d").fillText = (name) => named.push(name);
      return [0, 1, 2].map((position) => {
        named = [];
        const coming = (frame) => chords.slice(frame);
        runway.draw({ coming, committed: 3, beatsPerBar: 4 }, position);
        return named;
      });
    }""")
    assert named == [["Am", "G", "F"], ["C", "F"], ["G", "F"]]


def test_a_take_that_another_tab_keeps_is_listed_at_once(page):
    page.context.new_page().goto(page.url)
    keep_takes(page.context.pages[1])
    expect(page.locator("#takes-count")).to_have_text("3")


def test_out_of_sight_its_sound_sleeps_unless_it_plays_and_then_the_screen_is_lit(page):
    page.evaluate("""() => {
      const Usual = AudioContext;
      window.AudioContext = class extends Usual {
        constructor(options) {
          super(options);
          window.audio = this;
        }
      };
      window.lit = 0;
      WakeLock.prototype.request = async () => {
        lit++;
        return { release: async () => void lit-- };
      };
      let hidden = false;
      Object.defineProperty(document, "hidden", { get: () => hidden });
      window.hide = (value) => {
        hidden = value;
        document.dispatchEvent(new Event("visibilitychange"));
      };
    }""")
    page.keyboard.press("KeyA")
    wait_until(page, "audio.state === 'running'")
    page.evaluate("hide(true)")
    wait_until(page, "audio.state === 'suspended'")
    page.evaluate(f"fakeMidi.send('{KEYBOARD}', 0x90, 64, 100)")  # which is heard there, too
    wait_until(page, "audio.state === 'running'")
    page.evaluate(f"fakeMidi.send('{KEYBOARD}', 0x80, 64, 0)")
    wait_until(page, "audio.state === 'suspended'")
    page.evaluate("hide(false)")
    wait_until(page, "audio.state === 'running'")
    start(page)
    wait_until(page, "lit === 1")
    page.evaluate("hide(true)")
    page.wait_for_timeout(300)
    assert page.evaluate("audio.state") == "running"
    page.keyboard.press("Space")
    wait_until(page, "lit === 0")
    wait_until(page, "audio.state === 'suspended'")


def keep_takes(page, frames=16):
    """Three, and the page anew, with the list of them open."""
    script = """async (frames) => {
      const { Shelf } = await import("/shelf.js");
      const shelf = new Shelf();
      for (let day = 1; day <= 3; day++) {
        await shelf.keep({
          began: `2026-01-0${day}T12:00:00.000Z`, beatsPerBar: 4, frames, cues: [],
          tempos: [{ frame: -16, bpm: 120 }], notes: [],
          chords: [{ frame: 0, name: "Bb7", notes: [46, 56, 62, 65] }],
        });
      }
    }"""
    page.evaluate(script, frames)
    page.reload()
    expect(page.locator("#takes-count")).to_have_text("3")
    page.locator("#takes-box summary").click()


def test_a_take_is_deleted_only_after_it_could_be_read_what_is_asked(page):
    keep_takes(page)
    takes = page.locator("#takes li")
    takes.first.get_by_role("button", name="Delete").dblclick()
    takes.last.get_by_role("button", name="Delete").focus()
    for _ in range(20):
        page.keyboard.down("Enter")  # held, so it repeats
    page.keyboard.up("Enter")
    expect(takes.get_by_role("button", name="Sure?")).to_have_count(2)
    page.wait_for_timeout(510)
    page.keyboard.press("Enter")
    expect(takes).to_have_count(2)


def test_takes_are_kept_again_after_the_browser_has_closed_their_store(page):
    kept = page.evaluate("""async () => {
      const { Shelf } = await import("/shelf.js");
      const shelf = new Shelf();
      const database = await shelf.open();
      // As an iPhone does. Chromium can be asked to, but then some writes never end.
      database.close();
      database.dispatchEvent(new Event("close"));
      const take = { began: "2026", frames: 16, tempos: [{ frame: 0, bpm: 120 }], chords: [] };
      await shelf.keep(take);
      return (await shelf.summaries()).length;
    }""")
    assert kept == 1


def test_what_is_played_is_saved_meanwhile_and_the_list_of_takes_left_alone(page):
    keep_takes(page)
    takes = page.locator("#takes li")
    expect(takes.first).to_contain_text("Jan 3, 2026, 12:00")
    expect(takes.first).to_contain_text("0:02 · 120 BPM · B♭7")
    start(page)
    page.keyboard.press("A")
    wait_until(page, "gapt.position > -8")
    page.keyboard.down("A")
    wait_until(page, "gapt.position > 1")
    takes.first.get_by_role("button", name="Delete").click()
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    wait_until(
        page,
        "import('/shelf.js').then(({ Shelf }) => new Shelf().summaries())"
        ".then((summaries) => summaries.length > 3)",
    )
    assert takes.count() == 3
    assert takes.first.get_by_role("button", name="Sure?").is_visible()
    page.keyboard.press("Space")
    expect(takes).to_have_count(4)
    # By keyboard: the next one's turn, and after the last one the list's.
    page.locator("#takes li:nth-child(3) button").last.focus()
    for left in (3, 2, 1, 0):
        page.keyboard.press("Enter")
        page.wait_for_timeout(510)  # to read what it asks
        page.keyboard.press("Enter")
        expect(takes).to_have_count(left)
        focused = takes.last.get_by_role("button", name="Delete") if left else "#takes-box summary"
        expect(page.locator(focused) if left == 0 else focused).to_be_focused()


def test_a_take_is_kept_if_the_browser_writes_no_more_when_the_page_closes(page):
    """As WebKit does: what is put into a database then is lost."""
    start(page)
    page.keyboard.down("A")
    wait_until(page, "gapt.position > 2")
    page.keyboard.up("A")
    page.evaluate("() => { IDBObjectStore.prototype.put = () => { throw Error('closing'); }; }")
    began = page.evaluate("gapt.recording.began")
    page.reload()
    expect(page.locator("#takes-count")).to_have_text("1")
    kept = "import('/shelf.js').then(({ Shelf }) => new Shelf().summaries())"
    assert [take["began"] for take in page.evaluate(kept)] == [began]
    assert "gapt.unsaved" not in page.evaluate("Object.keys(localStorage)")


def test_a_replay_is_stopped_where_it_was_begun_and_with_the_take_it_plays(page):
    keep_takes(page, frames=400)
    page.evaluate("document.getElementById('timing').textContent = 'late 3'")
    takes = page.locator("#takes li")
    stop = takes.get_by_role("button", name="Stop the take of Jan 2, 2026")
    replay = takes.nth(1).get_by_role("button", name="Replay")
    replay.focus()
    page.keyboard.press("Enter")
    expect(stop).to_be_focused()
    expect(page.locator("#start")).to_be_in_viewport(ratio=1)
    expect(page.locator("#timing")).to_have_text("")  # that was of another take
    expect(stop).to_have_count(1)
    page.keyboard.press("Enter")
    expect(replay).to_be_focused()
    assert not page.evaluate("gapt.playing")

    replay.click()
    takes.nth(2).get_by_role("button", name="Replay").click()
    expect(stop).to_have_count(0)
    takes.nth(2).get_by_role("button", name="Delete").click()
    page.wait_for_timeout(510)
    wait_until(page, "gapt.playing")
    takes.nth(2).get_by_role("button", name="for good").click()
    expect(takes).to_have_count(2)
    assert not page.evaluate("gapt.playing")


def test_of_very_many_takes_the_newest_200_are_kept(page):
    began = [f"2026-01-01T{i // 60:02}:{i % 60:02}:00.000Z" for i in range(203)]
    listed, there = page.evaluate(
        """async (began) => {
          const { Shelf } = await import("/shelf.js");
          const shelf = new Shelf();
          const rest = { frames: 1, tempos: [{ frame: 0, bpm: 120 }], chords: [] };
          await Promise.all(began.map((each) => shelf.keep({ began: each, ...rest })));
          await shelf.trim();
          const listed = (await shelf.summaries()).map((summary) => summary.began);
          const takes = await Promise.all(began.map((each) => shelf.take(each)));
          return [listed, takes.filter((take) => take).map((take) => take.began)];
        }""",
        began[::-1],
    )
    assert listed == began[:2:-1]
    assert sorted(there) == began[3:]


@pytest.mark.parametrize("why", ["forbidden", "full", "held by a tab of an earlier version"])
def test_a_browser_that_keeps_nothing_plays_all_the_same(browser, jam, why):
    forbid = "() => { throw new DOMException('not here', 'SecurityError'); }"
    with browser.new_context() as context:
        page = context.new_page()
        if why == "full":
            devtools = context.new_cdp_session(page)
            quota = {"origin": jam.rstrip("/"), "quotaSize": 100}
            devtools.send("Storage.overrideQuotaForOrigin", quota)
        elif why == "forbidden":
            page.add_init_script(
                "Storage.prototype.getItem = Storage.prototype.setItem = IDBFactory.prototype.open"
                f" = {forbid};"
            )
        else:
            tab = context.new_page()
            tab.goto(jam + "icon.svg")
            tab.evaluate("""() => new Promise((resolve) => {
              const opening = indexedDB.open("gapt", 1);
              opening.onupgradeneeded = () =>
                opening.result.createObjectStore("takes", { keyPath: "began" });
              opening.onsuccess = () => resolve((globalThis.held = opening.result).version);
            })""")
        open_page(page, jam)
        start(page, tempo=200)
        wait_until(page, "gapt.position > 1")
        page.keyboard.press("KeyA")
        wait_until(page, "gapt.position > 4")
        page.keyboard.press("Space")
        expect(page.locator("#status")).to_contain_text("cannot be saved")


def test_nothing_is_saved_up_while_the_browser_allows_no_sound_and_the_page_says_so(browser, jam):
    strict = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=[*OPTIONS, "--autoplay-policy=document-user-activation-required"],
    )
    started = "audioTap.read().leads.length"
    status = "document.getElementById('status').textContent"

    wait_for = partial(wait_until, evaluate=evaluate_unasked)
    with strict, strict.new_context(permissions=["midi"], has_touch=True) as context:
        for script in ("fake_midi.js", "audio_tap.js"):
            context.add_init_script(path=HERE / script)
        page = context.new_page()
        page.goto(jam)
        wait_for(page, f"{status} === 'Connected'")
        evaluate_unasked(page, "fakeMidi.plug('A keyboard')")
        for pitch in (60, 62, 64):
            evaluate_unasked(page, f"fakeMidi.send('A keyboard', 0x90, {pitch}, 100)")
            evaluate_unasked(page, f"fakeMidi.send('A keyboard', 0x80, {pitch}, 0)")
        evaluate_unasked(page, "fakeMidi.send('A keyboard', 0x90, 67, 100)")
        wait_for(page, f"{status}.startsWith('Click the page')")
        assert evaluate_unasked(page, started) == 0
        page.locator("h1").click()
        wait_for(page, f"{status} === 'Connected'")
        wait_for(page, f"{started} > 0")
        assert evaluate_unasked(page, started) in (1, 4), "what is still held; four oscillators"

        page = context.new_page()
        page.goto(jam)
        wait_for(page, f"{status} === 'Connected'")
        page.locator("#piano [data-pitch='60']").tap()
        wait_for(page, f"{started} > 0")


def test_start_says_so_if_no_sound_comes_out_until_some_does(page):
    page.evaluate("""() => {
      const Usual = AudioContext;
      window.AudioContext = class extends Usual {
        state = "suspended";
        resume = () => new Promise(() => undefined);
        constructor(options) {
          super(options);
          window.audio = this;
        }
      };
    }""")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#status")).to_have_text("Starting…")
    expect(page.locator("#status")).to_contain_text("does not let sound out")
    assert not page.evaluate("gapt.playing")
    page.evaluate("audio.state = 'running'; audio.dispatchEvent(new Event('statechange'));")
    expect(page.locator("#status")).to_have_text("Connected")


def test_start_says_so_if_the_server_is_gone_until_it_is_back(browser, jam):
    with line_to(jam) as line, browser.new_context() as context:
        page = context.new_page()
        page.goto(line.url)
        status = page.locator("#status")
        expect(status).to_have_text("Connected")
        page.locator("#piano").click()  # the piano's recordings come with the first touch
        page.evaluate("gapt.loaded")
        line.cut()
        expect(status).to_contain_text("Reconnecting")
        page.get_by_role("button", name="Start", exact=True).click()
        expect(status).to_have_text("Cannot start until the connection is back.")
        page.wait_for_timeout(1000)  # in which it is tried again
        expect(status).to_have_text("Cannot start until the connection is back.")
        line.mend()
        expect(status).to_have_text("Connected")
        assert not page.evaluate("gapt.playing")


def test_what_counts_from_the_next_start_says_so_while_a_take_runs(page):
    later = page.locator("#later")
    page.get_by_label("Metre").select_option("3")
    expect(later).to_have_text("")
    start(page)
    page.get_by_label("Metre").select_option("3")
    expect(later).to_have_text("Counts from the next start.")
    expect(later).to_have_role("status")
    page.keyboard.press("Space")
    expect(later).to_have_text("")


def test_what_the_partner_means_to_play_is_in_sight_from_the_start(page):
    start(page, lookahead=16)
    wait_until(page, "gapt.plan.coming.length === 16")
    assert page.evaluate("gapt.position") < 0


def test_what_is_set_while_the_sound_wakes_counts(page):
    page.evaluate("""() => {
      const { resume } = AudioContext.prototype;
      const woken = new Promise((wake) => (window.wake = wake));
      AudioContext.prototype.resume = function () {
        return woken.then(() => resume.call(this));
      };
      Object.defineProperty(AudioContext.prototype, "state", { get: () => "suspended" });
    }""")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#status")).to_have_text("Starting…")
    page.get_by_label("Tempo", exact=True).fill("77")
    page.get_by_role("radio", name="realchords").check(force=True)
    page.evaluate("() => { delete AudioContext.prototype.state; wake(); }")
    wait_until(page, "gapt.playing")
    assert page.evaluate("gapt.recording.tempos[0].bpm") == 77
    wait_until(page, "gapt.recording.cues.at(-1).model === 'realchords'")


def test_left_alone_until_its_session_is_closed_it_is_ready_all_the_same(browser, model_name):
    impatient = "import gapt.live.server as server; server.IDLE_TIMEOUT = 1.0"
    with jam_at(model_name, first=impatient) as (_, url), browser.new_context() as context:
        page = context.new_page()
        page.goto(url)
        expect(page.locator("#status")).to_have_text("Ready. Press Start.")
        expect(page.locator("#status")).to_have_attribute("data-level", "good")
        start(page)
        expect(page.locator("#status")).to_have_text("Connected")


def test_at_rest_it_paints_only_what_has_changed_and_does_not_tick(page):
    (ticker,) = page.workers

    def painted(change=lambda: None, milliseconds=400):
        before = page.evaluate("painted")
        change()
        page.wait_for_timeout(milliseconds)
        return page.evaluate("painted") - before

    def rests():  # soon, if not at once, and then for good
        soon = any(painted() == 0 for _ in range(5))
        ticks = ticker.evaluate("ticks")
        return soon and painted(milliseconds=1000) == 0 and ticker.evaluate("ticks") == ticks

    page.evaluate("""() => {
      const prototype = CanvasRenderingContext2D.prototype;
      const { clearRect } = prototype;
      window.painted = 0;
      prototype.clearRect = function (...area) {
        window.painted++;
        clearRect.apply(this, area);
      };
    }""")
    ticker.evaluate("""() => {
      const { postMessage } = self;
      self.ticks = 0;
      self.postMessage = (...message) => {
        ticks++;
        postMessage(...message);
      };
    }""")
    assert rests()
    for change in (
        lambda: page.set_viewport_size({"width": 900, "height": 700}),
        lambda: page.emulate_media(color_scheme="dark"),
        lambda: page.emulate_media(color_scheme="light"),
    ):
        assert painted(change) >= 2  # the roll and the runway
        assert rests()
    start(page)
    assert painted() > 4
    assert ticker.evaluate("ticks") > 4
    page.keyboard.press("Space")
    assert rests()


@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [(375, 812, "dark"), (820, 1180, "light"), (1280, 800, "dark")],
)
def test_it_fits_and_axe_finds_nothing(page, width, height, scheme):
    from axe_playwright_python.sync_playwright import Axe

    def violations():
        # What has been scrolled half under Start would be a small target.
        page.evaluate("document.getElementById('controls').scrollTop = 0; scrollTo(0, 0);")
        found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
        return [(v["id"], [n["html"][:120] for n in v["nodes"][:4]]) for v in found]

    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": height})
    # The piano has fewer keys where there is less room, once the next frame is drawn.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.locator("button:visible, input:visible, select:visible").all():
        assert re.search(r'"[^"]+"', control.aria_snapshot()), control
    spoken = "(buttons) => buttons.map((b) => [b.getAttribute('aria-label') ?? '', b.innerText])"
    for label, text in page.locator("button[aria-label]:not(#explain)").evaluate_all(spoken):
        assert text in label, "who speaks to the page says what is written on its buttons"
    assert violations() == []
    start(page)
    page.evaluate(f"fakeMidi.send('{KEYBOARD}', 0x90, 64, 100)")
    wait_until(page, "gapt.position > 12")
    assert violations() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("Space")
    page.locator("#takes-box summary").click()
    expect(page.locator("#takes li")).to_have_count(1)
    assert violations() == []
    page.get_by_role("button", name="Explain").click()
    assert violations() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Measure").click()
    assert violations() == []
    page.keyboard.press("Escape")


def test_the_shipped_script_is_what_the_sources_compile_to(tmp_path):
    compiler = WEB / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.exists():
        pytest.skip("no TypeScript compiler here: run npm install in web/")
    subprocess.run(["node", compiler, "-p", WEB, "--outDir", tmp_path], check=True)
    compiled = {path.name: path.read_text() for path in tmp_path.glob("*.js")}
    shipped = {path.name: path.read_text() for path in SHIPPED.glob("*.js")}
    assert compiled == shipped
