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


def loudness(sound):
    """LUFS of it all (ITU-R BS.1770: how loud it is to ears), without gates."""
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(sound.shape[1], 48_000 / RATE))
    ears = np.ones_like(turn)
    for b, a in [
        ([1.53512486, -2.69169619, 1.19839281], [1, -1.69065929, 0.73248077]),
        ([1, -2, 1], [1, -1.99004745, 0.99007225]),
    ]:
        ears *= np.polyval(b[::-1], turn) / np.polyval(a[::-1], turn)
    heard = np.fft.irfft(np.fft.rfft(sound) * ears, sound.shape[1])
    return decibels((heard**2).mean(axis=1).sum()) - 0.691


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


def test_one_sound_is_as_loud_as_another_and_the_melody_is_louder_than_the_chords(render):
    seconds = 4.8  # each: two bars at 120 BPM, and time to die away
    script = f"""
      let start = 0;
      for (const sound of {SOUNDS}) {{
        synth.sounds.chords = synth.sounds.melody = sound;
        {CHORDS}.forEach(([bass, ...upper], bar) => {{
          const at = start + 2 * bar;
          synth.strike(bass, 0.7, true, at, at + 2);
          for (const pitch of upper) synth.strike(pitch, 0.62, false, at, at + 2);
        }});
        start += {seconds};
        {TUNE}.forEach((pitch, beat) => {{
          const at = start + 0.5 * beat;
          synth.playAgain(pitch, 0.8, at, at + 0.45);
        }});
        start += {seconds};
      }}"""
    sound = render(2 * seconds * len(SOUNDS), DEFAULTS, script)
    levels = [loudness(cut(sound, seconds * i, seconds * i + 4)) for i in range(2 * len(SOUNDS))]
    chords, melody = levels[::2], levels[1::2]
    # Each page draws the noise of its room anew, which moves these by half a decibel.
    assert np.ptp(chords) < 2, dict(zip(SOUNDS, chords, strict=True))
    assert np.ptp(melody) < 2, dict(zip(SOUNDS, melody, strict=True))
    over = np.subtract(melody, chords)
    assert over.min() > 2, dict(zip(SOUNDS, over, strict=True))
    assert over.max() < 4.5, dict(zip(SOUNDS, over, strict=True))


def test_with_everything_at_its_loudest_nothing_clips(render):
    script = f"""
      {SOUNDS}.forEach((sound, i) => {{
        synth.sounds.chords = synth.sounds.melody = sound;
        const [bass, ...upper] = {CHORDS[1]};
        synth.strike(bass, 0.7, true, i, i + 0.8);
        for (const pitch of upper) synth.strike(pitch, 0.7, false, i, i + 0.8);
        for (const pitch of [67, 71, 74, 79]) synth.playAgain(pitch, 1, i, i + 0.8);
        synth.click(i, true);
      }});"""
    sound = render(len(SOUNDS), FULL, script)
    loudest = [peak(cut(sound, i, i + 1)) for i in range(len(SOUNDS))]
    assert max(loudest) < -1, dict(zip(SOUNDS, loudest, strict=True))
    assert min(loudest) > -8, "and all are loud"


def test_the_metronome_is_heard_through_the_music_and_its_downbeat_most(render):
    sound = render(1, DEFAULTS, "synth.click(0.3, true); synth.click(0.7, false);")
    downbeat, beat = peak(cut(sound, 0.3, 0.5)), peak(cut(sound, 0.7, 1))
    assert -14 < beat < downbeat - 3
    assert downbeat < -6


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
