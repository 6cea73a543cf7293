"""The page's modules that know no sound and no network, each by itself."""

import io

import mido
import pytest


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
    while (position >= melody.frame + 0.5) told.push(melody.nextState());
    melody[kind](pitch, position);
  }
  while (told.length < frames) told.push(melody.nextState());
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
      const told = [melody.nextState(), melody.nextState()];
      melody.press(60, 1.3);
      return [...told, melody.nextState(), melody.nextState()];
    }""")
    assert [(state["pitch"], state["onset"]) for state in told[2:]] == [(60, True), (60, False)]


def test_a_new_tempo_bends_time_only_ahead(modules):
    times, later, position, tempos = modules.evaluate("""async () => {
      const { Transport } = await import("/clock.js");
      const transport = new Transport(0, -16, 60);
      const times = (t) => [-16, 0, 1, 2, 3, 4, 8].map((frame) => t.timeOf(frame));
      const before = times(transport);
      transport.setTempo(90, 3);
      transport.setTempo(120, 3);
      return [before, times(transport), transport.positionAt(4.75 + 0.125), transport.tempos];
    }""")
    assert times == [0, 4, 4.25, 4.5, 4.75, 5, 6]
    assert later == [0, 4, 4.25, 4.5, 4.75, 4.875, 5.375]
    assert position == 4
    assert tempos == [{"frame": -16, "bpm": 60}, {"frame": 3, "bpm": 120}]


def test_the_audio_clock_runs_on_between_bursts_and_is_right_soon_after_a_stall(modules):
    """Seconds by which it is ahead of an audio clock that steps every 10 ms."""
    steady, halted, after = modules.evaluate("""async () => {
      const { AudioClock } = await import("/clock.js");
      let system = 5;
      performance.now = () => 1000 * system;
      let behind = 5;
      const audio = { get currentTime() { return Math.floor(100 * (system - behind)) / 100; } };
      const clock = new AudioClock(audio);
      const run = (seconds) => {
        const ahead = [];
        for (let ms = 0; ms < 1000 * seconds; ms += 4) {
          system += 0.004;
          ahead.push(clock.now() - audio.currentTime);
        }
        return [Math.min(...ahead), Math.max(...ahead)];
      };
      run(1);
      const steady = run(10);
      behind += 0.06; // the audio thread stood still
      const halted = run(0.5);
      const after = run(1);
      delete performance.now;
      return [steady, halted, after];
    }""")
    assert steady[0] == pytest.approx(0, abs=1e-9)
    assert steady[1] < 0.0125
    assert halted[1] > 0.05
    assert after[1] < 0.0125


def in_take(modules, script):
    """Runs it in a take at 120 BPM, heard 0.3 s late, on a clock that it sets by hand."""
    begin = """
      const { Take } = await import("/take.js");
      let system = 5;
      performance.now = () => 1000 * system;
      const audio = { get currentTime() { return system; } };
      const synth = { audio, strike() {}, rest() {}, click() {} };
      const told = [];
      const line = { open: true, send: (message) => told.push(message) };
      const plan = (chords, committed) => ({ type: "plan", frame: -1, committed, chords });
      const ready = { frame: 0, plan: plan([], 0), settings: { model: "m", commit: 1 } };
      const settings = { bpm: 120, beatsPerBar: 4, listen: 0, metronome: false, style: "block" };
      const take = new Take(synth, line, ready, settings, () => 0.3);"""
    return modules.evaluate(f"async () => {{ {begin} {script} }}")


def test_what_was_played_is_kept_where_it_was_heard_however_late_it_may_be_told(modules):
    """A loudspeaker 0.3 s away; at 120 BPM a frame is 0.125 s, of which a quarter can be waited."""
    first, told = in_take(
        modules,
        """
          system += 0.15 + 16 * 0.125 + 4 * 0.125; // frame 4 begins on the audio clock
          system += 0.3; // and is heard, and a key is pressed with it
          take.press(60, 1, 0);
          system += 1;
          take.tick();
          delete performance.now;
          return [take.played[0].from, told.flatMap(({ states }) => states.map((s) => s.pitch))];
        """,
    )
    assert first == pytest.approx(4)
    assert told.index(60) == 6  # 0.3 s later, of which 0.03 s were waited


def test_a_take_is_due_when_a_chord_is_to_be_played_or_a_frame_can_be_told(modules):
    """A frame is 0.125 s, and is told half a frame after it began; here 0.03125 s later still."""
    waits, told = in_take(
        modules,
        """
          const chord = { frame: 0, name: "C", onset: true, notes: [48] };
          const waits = [take.tick()];
          take.onPlan(plan([chord], 1));
          waits.push(take.tick());
          system += waits.at(-1);
          waits.push(take.tick());
          system += waits.at(-1) + 1e-6;
          take.tick();
          delete performance.now;
          return [waits, told.map(({ frame }) => frame)];
        """,
    )
    begins = 0.15 + 16 * 0.125  # of frame 0, after the delay of the start and the count-in
    # Frame 0's chord may still come; it has, and is played 0.1 s ahead; then frame 0 can be told.
    assert waits == pytest.approx([begins, begins - 0.1, 0.1 + 0.0625 + 0.03125], abs=1e-3)
    assert told == [0]


def test_what_was_played_from_the_plan_while_the_server_was_gone_stays_as_it_was(modules):
    struck, chords, state = in_take(
        modules,
        """
          const chord = (name, notes) => ({ frame: 0, name, onset: true, notes });
          const struck = [];
          synth.strike = (pitch) => struck.push(pitch);
          take.onPlan(plan([chord("Am", [45, 52])], 0)); // imagined
          line.open = false;
          system += 0.15 + 16 * 0.125;
          take.tick();
          line.open = true;
          take.onPlan(plan([chord("C", [48, 55])], 1)); // decided, but too late
          system += 0.125;
          take.tick();
          delete performance.now;
          return [struck, take.chords.map(({ name }) => name), told[0].states[0].chord];
        """,
    )
    assert struck == [45, 52]
    assert chords == ["Am"]
    assert state == {"name": "Am", "onset": True}


def test_what_is_decided_after_a_lost_connection_says_nothing_of_how_long_it_takes(modules):
    before, after = in_take(
        modules,
        """
          const chord = (frame) => ({ frame, name: "C", onset: frame === 0, notes: [48] });
          take.onPlan(plan([chord(0)], 1));
          system += 0.15 + 16 * 0.125;
          take.tick();
          const before = take.appliedOffset;
          line.open = false;
          for (let i = 0; i < 40; i++) {
            system += 0.125;
            take.tick();
          }
          line.open = true;
          take.resume({ frame: 0, plan: plan([chord(0)], 1) });
          const missed = Array.from({ length: 39 }, (_, i) => chord(i + 1));
          take.onPlan({ ...plan(missed, 40), frame: 38 });
          delete performance.now;
          return [before, take.appliedOffset];
        """,
    )
    assert before == pytest.approx(0.25 * 0.125)
    assert after == before


@pytest.fixture
def struck(modules):
    """What an accompaniment strikes: (style, [(frame, onset, time)]) pairs, frames of 0.125 s."""

    def strike(*parts):
        script = """async (parts) => {
          const { Accompaniment } = await import("/accompaniment.js");
          const struck = [];
          const synth = {
            rest: (at) => struck.push([at, "rest"]),
            strike: (pitch, velocity, bass, at) => struck.push([at, pitch]),
          };
          const transport = { timeOf: (frame) => frame / 8 };
          const accompaniment = new Accompaniment(synth, transport, 4, parts[0][0]);
          for (const [style, frames] of parts) {
            if (style !== parts[0][0]) accompaniment.setStyle(style);
            for (const [frame, onset, at] of frames) {
              accompaniment.play(frame, [48, 60, 64, 67], onset, at);
            }
          }
          return struck;
        }"""
        return modules.evaluate(script, parts)

    return strike


def test_a_chord_that_is_held_is_struck_again_in_another_style(struck):
    first, *rest = ([t, t == 0, t / 8] for t in range(24))
    then = struck(["rhythm", [first, *rest[:15]]], ["block", rest[15:]])
    assert [2, "rest"] in then
    assert [pitch for at, pitch in then if 2 <= at < 2.02] == ["rest", 48, 60, 64, 67]
    assert all(at < 2.02 for at, _ in then)


def test_what_sounds_is_let_go_of_when_a_chord_that_is_held_is_struck_again(struck):
    sounds = struck(["block", [[t, t == 0, t / 8] for t in range(40)]])
    assert [pitch for _, pitch in sounds] == [48, 60, 64, 67, "rest", 48, 60, 64, 67]
    assert sounds[4][0] == 4, "two bars later"


def test_what_was_missed_while_the_page_stood_still_is_not_made_up_for(struck):
    missed = [[t, t in (1, 5), 2.01] for t in range(1, 16)]
    sounds = struck(["arpeggio", [[0, True, 0.0], *missed, [16, False, 2.01]]])
    late = [pitch for at, pitch in sounds if at > 1]
    assert late == ["rest", 48, 60], "the chord as it is by now, and no more"


def test_less_is_painted_while_many_ticks_come_late_and_more_again_after_a_while(modules):
    # By how many milliseconds each tick of a second was late; and the pause after it.
    calm, one_late = [2] * 20, [30] + [2] * 19
    slow, halting = [15] * 7 + [2] * 13, [15] * 8 + [2] * 12
    seconds = [calm, one_late, slow, slow, halting, slow, one_late, calm, calm, calm, calm, calm]
    paces = modules.evaluate(
        """async (seconds) => {
          const { Pace } = await import("/pace.js");
          const pace = new Pace();
          let due = 0;
          pace.tick(due, due);
          return seconds.map((lateness) => {
            for (const late of lateness) pace.tick((due += 50) + late, due);
            return [pace.pause, pace.strained];
          });
        }""",
        seconds,
    )
    pauses = [0, 0, 16, 40, 250, 250, 250, 250, 250, 100, 40, 16]
    assert paces == [[pause, pause == 250] for pause in pauses]


def test_what_was_too_much_is_tried_again_only_after_a_longer_while(modules):
    """Slow for five seconds, then whenever more than four pictures a second are painted."""
    tried = modules.evaluate("""async () => {
      const { Pace } = await import("/pace.js");
      const pace = new Pace();
      const tried = [];
      pace.tick(0, 0);
      for (let second = 1; second <= 60; second++) {
        const late = second <= 5 || pace.pause < 250 ? 15 : 2;
        for (let tick = 1; tick <= 20; tick++) {
          const due = 1000 * second - 1000 + 50 * tick;
          pace.tick(due + (tick < 20 ? late : 2), due);
        }
        if (second > 5 && pace.pause < 250) tried.push(second);
      }
      return tried;
    }""")
    assert tried == [5 + 4, 5 + 4 + 1 + 8, 5 + 4 + 1 + 8 + 1 + 16]


def test_of_all_that_there_is_to_say_the_gravest_is_said(modules):
    said = modules.evaluate("""async () => {
      const { Status } = await import("/status.js");
      const line = { textContent: "Connecting", dataset: {} };
      const status = new Status(line);
      const said = [];
      const then = (does, ...words) => {
        status[does](...words);
        said.push([line.textContent, line.dataset.level]);
      };
      then("say", "line", "Connected", "good");
      then("say", "storage", "Not kept");
      then("say", "start", "Starting", "wait"); // covers nothing bad
      then("say", "line", "Lost");
      then("say", "news", "Late");
      then("say", "line", "Connected", "good"); // again: the rest still holds
      then("clear", "news");
      then("clear", "storage");
      then("clear", "start");
      return said;
    }""")
    connected, unkept, lost = ["Connected", "good"], ["Not kept", "bad"], ["Lost", "bad"]
    late, starting = ["Late", "bad"], ["Starting", "wait"]
    assert said == [connected, unkept, unkept, lost, lost, late, unkept, starting, connected]


def test_chords_come_late_too_often_if_four_of_the_last_bar_do(modules):
    def failed(*bars):
        """For each bar, in which so many chords came late."""
        script = """async (bars) => {
          const { LateWatch } = await import("/timing.js");
          const watch = new LateWatch();
          const frames = [];
          return bars.map((late) => {
            for (let i = 0; i < 16; i++) frames.push({ late: i < late });
            const take = { beatsPerBar: 4, ledger: { frames }, position: () => frames.length };
            return watch.failed(take);
          });
        }"""
        return modules.evaluate(script, bars)

    assert failed(16, 3, 4, 0) == [True, False, True, False]


def test_a_plan_is_revised_but_what_is_final_tells_when_it_became_so(modules):
    first, then = modules.evaluate("""async () => {
      const { Plan } = await import("/plan.js");
      const plan = new Plan();
      const chord = (frame, name) => ({ frame, name, onset: true, notes: [48] });
      const says = () => [
        plan.from(0).map(({ name }) => name), [0, 1, 2].map((f) => plan.final(f)?.name ?? null),
        [0, 1].map((f) => plan.decision(f) ?? null),
      ];
      const chords = [chord(0, "C"), chord(1, "F"), chord(2, "G")];
      plan.update({ frame: -1, committed: 1, chords }, 10);
      const first = says();
      plan.update({ frame: 0, committed: 2, chords: [chord(1, "Am")] }, 11);
      return [first, says()];
    }""")
    assert first == [["C", "F", "G"], ["C", None, None], [{"at": 10, "heard": -1}, None]]
    assert then[:2] == [["C", "Am", "G"], ["C", "Am", None]]
    assert then[2] == [{"at": 10, "heard": -1}, {"at": 11, "heard": 0}]


HITS = """async ([style, beatsPerBar, struck, frames, bar = 2]) => {
  const { hits } = await import("/comping.js");
  const notes = [36, 55, 60, 64];
  const all = [];
  for (let t = struck; t < struck + frames; t++) {
    const place = { age: t - struck, frame: t % (4 * beatsPerBar), beatsPerBar, bar };
    for (const hit of hits(style, notes, place)) all.push([t, hit.pitch]);
  }
  return all;
}"""


def test_a_block_that_is_held_is_struck_again_on_every_second_downbeat(modules):
    assert modules.evaluate(HITS, ["block", 4, 3, 16]) == [[3, 36], [3, 55], [3, 60], [3, 64]]

    def struck(*place):
        return [t for t, pitch in modules.evaluate(HITS, ["block", *place]) if pitch == 60]

    assert struck(4, 0, 80) == [0, 32, 64]
    assert struck(4, 12, 60) == [12, 32, 64]
    assert struck(3, 0, 60) == [0, 24, 48]
    assert struck(4, 12, 40, 3.2) == [12, 16, 32, 48], "slow bars: on each downbeat"


def test_an_arpeggio_goes_up_and_down_in_eighths_over_its_bass(modules):
    played = modules.evaluate(HITS, ["arpeggio", 4, 0, 10])
    assert played == [[0, 36], [0, 55], [2, 60], [4, 64], [6, 60], [8, 55]]
    held = modules.evaluate(HITS, ["arpeggio", 4, 0, 80])
    assert [t for t, pitch in held if pitch == 36] == [0, 32, 64]
    off_beat = modules.evaluate(HITS, ["arpeggio", 4, 3, 4])
    assert off_beat == [[3, 36], [3, 55], [4, 60], [6, 64]]


def test_a_rhythm_fits_its_metre_and_any_chord_is_heard_when_it_is_struck(modules):
    four = modules.evaluate(HITS, ["rhythm", 4, 0, 16])
    assert [t for t, pitch in four if pitch == 36] == [0, 8]
    assert [t for t, pitch in four if pitch == 60] == [0, 6, 12]
    three = modules.evaluate(HITS, ["rhythm", 3, 0, 12])
    assert [t for t, pitch in three if pitch == 36] == [0]
    assert [t for t, pitch in three if pitch == 60] == [4, 8]
    assert {p for t, p in modules.evaluate(HITS, ["rhythm", 4, 5, 1])} == {36, 55, 60, 64}


def test_a_dry_sound_leaves_the_room_out_when_it_has_died_away(modules):
    heard = modules.evaluate("""async () => {
      const { Synth } = await import("/synth.js");
      const synth = new Synth();
      synth.loaded.catch(() => undefined);
      await synth.wake();
      synth.setVolume("click", 1);
      const ear = new AnalyserNode(synth.audio, { fftSize: 32768 });
      synth.reverb.connect(ear);
      const samples = new Float32Array(ear.fftSize);
      const rings = async () => {
        synth.click(synth.audio.currentTime + 0.1, true);
        await new Promise((done) => setTimeout(done, 600));
        ear.getFloatTimeDomainData(samples);
        return samples.some((sample) => Math.abs(sample) > 1e-6);
      };
      const before = await rings();
      synth.setDry(true);
      await new Promise((done) => setTimeout(done, 2500));
      const dry = await rings();
      synth.setDry(false);
      return [before, dry, await rings()];
    }""")
    assert heard == [True, False, True]


def test_a_note_that_has_ended_is_forgotten_before_its_chord_ends(modules):
    kept = modules.evaluate("""async () => {
      const { Synth } = await import("/synth.js");
      const synth = new Synth();
      synth.loaded.catch(() => undefined);
      await synth.wake();
      const now = synth.audio.currentTime;
      synth.strike(60, 0.5, false, now, now + 0.05);
      synth.strike(64, 0.5, false, now, Infinity);
      while (synth.chord.size > 1 && synth.audio.currentTime < now + 5) {
        await new Promise((done) => setTimeout(done, 20));
      }
      return synth.chord.size;
    }""")
    assert kept == 1


def test_sound_is_awake_when_its_time_has_begun(modules):
    began = modules.evaluate("""async () => {
      const { Synth } = await import("/synth.js");
      const synth = new Synth();
      synth.loaded.catch(() => undefined);
      await synth.wake();
      return synth.audio.currentTime;
    }""")
    assert began > 0


def test_a_replay_neither_takes_a_key_nor_lets_go_of_it(modules):
    held, replayed = modules.evaluate("""async () => {
      const { Synth } = await import("/synth.js");
      const synth = new Synth();
      synth.loaded.catch(() => undefined);
      await synth.wake();
      synth.press(64, 0.8);
      const key = synth.keys.get(64);
      let released = false;
      key.release = () => (released = true);
      const now = synth.audio.currentTime;
      synth.playAgain(64, 0.8, now, now + 0.02);
      const replayed = synth.replayed.size;
      synth.stop();
      return [synth.keys.get(64) === key && !released, [replayed, synth.replayed.size]];
    }""")
    assert held
    assert replayed == [1, 0]


def test_a_key_that_is_pressed_while_sound_wakes_is_heard(modules):
    sounding = modules.evaluate("""async () => {
      const { Sound } = await import("/sound.js");
      const sound = new Sound(() => {}, () => {});
      await sound.synth.wake();
      await sound.synth.sleep();
      sound.wake();
      sound.press(60, 0.8);
      await new Promise((resolve) => setTimeout(resolve, 500));
      return [...sound.synth.keys.keys()];
    }""")
    assert sounding == [60]


@pytest.mark.parametrize(("first", "begins"), [(-9, -12), (-0.4, 0)])
def test_a_replay_begins_with_the_pickup(modules, first, begins):
    take = {"beatsPerBar": 3, "frames": 24, "tempos": [{"frame": -12, "bpm": 100}], "cues": []}
    take |= {"notes": [{"pitch": 70, "velocity": 1, "from": first, "to": 2}], "chords": []}
    position = modules.evaluate(
        """async (take) => {
          const { Synth } = await import("/synth.js");
          const { Replay } = await import("/replay.js");
          const synth = new Synth();
          synth.loaded.catch(() => undefined);
          await synth.wake();
          return new Replay(synth, take, "block", () => {}).position();
        }""",
        take,
    )
    assert begins - 2 < position < begins


def test_gauges_say_what_the_measures_say(modules):
    def read(frames):
        """`frames`: (pitch, chord, notes)."""
        records = [
            {"melody": {"pitch": pitch, "onset": False}, "name": name, "notes": notes}
            for pitch, name, notes in frames
        ]
        script = "async ([f, n]) => (await import('/gauges.js')).gauges(f, n)"
        return modules.evaluate(script, [records, 16])

    c, f = ("C", [48, 60, 64, 67]), ("F", [53, 65, 69, 72])
    silence = (None, [])
    assert read([]) == {"fit": None, "variety": 0}
    assert read([(72, *c), (74, *c), (None, *c), (72, *silence)])["fit"] == 0.5
    assert read([(None, *c)] * 4 + [(None, *f)] * 4)["variety"] == pytest.approx(2)
    # Only the last four bars count.
    assert read([(61, *c)] * 64 + [(60, *f)] * 64) == {"fit": 1, "variety": 1}


def test_a_take_is_summed_up_with_all_its_tempos_that_were_heard(modules):
    def bpm(*tempos):
        take = {"began": "2026", "frames": 16, "chords": []}
        take["tempos"] = [{"frame": frame, "bpm": bpm} for frame, bpm in tempos]
        script = "async (take) => (await import('/performance.js')).summary(take).bpm"
        return modules.evaluate(script, take)

    assert bpm((-16, 110)) == 110
    assert bpm((-16, 90), (-4, 110), (4, 150), (8, 130)) == "110–150"
    assert bpm((-16, 110), (20, 150)) == 110


@pytest.mark.parametrize("pickup", [False, True])
def test_a_take_becomes_a_midi_file(modules, pickup):
    """With a note in the count-in it begins a bar earlier: 12 frames of 120 ticks."""
    take = {
        "beatsPerBar": 3,
        "frames": 24,
        "tempos": [{"frame": -12, "bpm": 100}, {"frame": -4, "bpm": 120}, {"frame": 12, "bpm": 60}],
        "cues": [{"frame": 0, "model": "one"}],
        "notes": [
            *([{"pitch": 70, "velocity": 1, "from": -9, "to": -8}] if pickup else []),
            {"pitch": 60, "velocity": 0.5, "from": -0.25, "to": 3.5},
            {"pitch": 62, "velocity": 1, "from": 4, "to": 8},
        ],
        "chords": [
            {"frame": 0, "name": None, "notes": []},
            {"frame": 12, "name": "F#m7b5/A", "notes": [45, 54, 60, 64]},
        ],
    }
    script = "async (take) => [...(await import('/midi_file.js')).midiFile(take)]"
    written = mido.MidiFile(file=io.BytesIO(bytes(modules.evaluate(script, take))))
    assert (written.type, written.ticks_per_beat, len(written.tracks)) == (1, 480, 3)
    told = []
    for track in written.tracks:
        now = 0
        for message in track:
            now += message.time
            told.append((now, message))
    signature = next(m for _, m in told if m.type == "time_signature")
    assert (signature.numerator, signature.denominator) == (3, 4)
    tempos = [(t, round(mido.tempo2bpm(m.tempo))) for t, m in told if m.type == "set_tempo"]
    lead = 1440 if pickup else 0
    assert tempos == [(0, 120), (lead + 1440, 60)]
    markers = [(t, m.text) for t, m in told if m.type == "marker"]
    assert markers == [(lead, "N.C."), (lead + 1440, "F#m7b5/A")]
    ons = [(t, m.channel, m.note) for t, m in told if m.type == "note_on"]
    early = [(360, 0, 70), (1410, 0, 60)] if pickup else [(0, 0, 60)]  # a little is no pickup
    chord = [(lead + 1440, 1, note) for note in (45, 54, 60, 64)]
    assert ons == [*early, (lead + 480, 0, 62), *chord]
    offs = [(t, m.note) for t, m in told if m.type == "note_off"]
    ends = [(480, 70)] if pickup else []
    ends += [(lead + 420, 60), (lead + 960, 62)]
    assert offs == [*ends, *[(lead + 2880, note) for note in (45, 54, 60, 64)]]
