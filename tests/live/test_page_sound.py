"""How loud the page sounds: its synth, rendered faster than it plays."""

import base64

import numpy as np
import pytest

RATE = 24_000
SOUNDS = ["piano", "electric piano", "organ", "strings", "lead"]
CHORDS = [[36, 52, 55, 60], [43, 53, 55, 59, 62]]
TUNE = [67, 67, 64, 67, 72, 71, 69, 67]
DEFAULTS = {"chords": 0.8, "melody": 0.85, "click": 0.7}  # the faders of index.html
FULL = {"chords": 1, "melody": 1, "click": 1}


@pytest.fixture(scope="module")
def render(browser, jam):
    """Sound [channels, samples] of a script that plays on `synth`, its faders at `volumes`."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(jam + "icon.svg")

        def render(seconds, volumes, script):
            sound = page.evaluate(
                f"""async ([length, sampleRate, volumes]) => {{
                  const {{ AudioContext }} = window;
                  window.AudioContext = function () {{
                    return new OfflineAudioContext({{ numberOfChannels: 2, length, sampleRate }});
                  }};
                  const {{ Synth }} = await import("/synth.js");
                  const synth = new Synth();
                  window.AudioContext = AudioContext;
                  await synth.loaded;
                  for (const [part, volume] of Object.entries(volumes)) {{
                    synth.setVolume(part, volume);
                  }}
                  {script}
                  const buffer = await synth.audio.startRendering();
                  let text = "";
                  for (const channel of [0, 1]) {{
                    const samples = buffer.getChannelData(channel);
                    for (const byte of new Uint8Array(samples.buffer)) {{
                      text += String.fromCharCode(byte);
                    }}
                  }}
                  return btoa(text);
                }}""",
                [int(seconds * RATE), RATE, volumes],
            )
            return np.frombuffer(base64.b64decode(sound), np.float32).reshape(2, -1)

        yield render


def cut(sound, begin, end):
    return sound[:, round(begin * RATE) : round(end * RATE)]


def decibels(power):
    return 10 * np.log10(power + 1e-20)


def peak(sound):
    return 2 * decibels(np.abs(sound).max())


def test_a_chord_that_is_held_sounds_for_as_long_as_it_is_shown(render):
    """At 100 BPM, on the piano: before 2026-11-28 it was gone in the third bar."""
    script = f"""
      const {{ Accompaniment }} = await import("/accompaniment.js");
      const timeOf = (frame) => 0.15 * frame;
      const accompaniment = new Accompaniment(synth, {{ timeOf }}, 4, "block");
      for (let t = 0; t < 64; t++) accompaniment.play(t, {CHORDS[0]}, t === 0, timeOf(t));"""
    sound = render(9.6, DEFAULTS, script)
    beats = [decibels((cut(sound, 0.6 * i, 0.6 * i + 0.6) ** 2).mean()) for i in range(16)]
    assert min(beats) > -55
    assert -6 < beats[8] - beats[0] < -0.5, "struck again, softer"


def test_a_key_that_is_held_sounds_on_as_on_a_piano(render):
    sound = render(8, DEFAULTS, "synth.press(60, 0.8);")
    assert decibels((cut(sound, 7, 8) ** 2).mean()) > -75


def test_no_note_of_the_piano_sticks_out_from_its_neighbours(render):
    script = """
      for (let i = 0; i < 22; i++) {
        const sample = synth.instruments.samples.nearest(33 + 3 * i);
        const note = new AudioBufferSourceNode(synth.audio, { buffer: sample.buffer });
        note.connect(synth.audio.destination);
        note.start(i, sample.attack, 1);
      }"""
    sound = render(22, FULL, script)
    levels = [decibels((cut(sound, i, i + 1) ** 2).mean()) for i in range(22)]
    assert np.abs(np.diff(levels)).max() < 1.5, np.round(levels, 1)
