"""A long evening in the browser: real melodies for minutes on many pages, and lines that break.

    python tests/live/stage_trial.py --corpus data/all --minutes 5
    python tests/live/stage_trial.py --minutes 1 --cut 5
    python tests/live/stage_trial.py --minutes 1 --pages 20
    python tests/live/stage_trial.py --minutes 1 --commit 16

Prints what each page's take was like, as JSON; chord changes by the minute. Wants the machine to
itself.
"""

import argparse
import json
import time
from itertools import pairwise

import numpy as np
from cut_line import line_to
from jam_process import jam_at
from page_driver import TUNE, answer_times, chromium, open_page, play, repeated, start, wait_until

from gapt.weights import DEFAULT_MODEL


def melody(corpus, frames):
    """Notes (pitch, from, to): OpenEWLD melodies one after another, or the tests' own tune."""
    if corpus is None:
        return repeated(TUNE, 64, 1 + frames // 64)
    from gapt.corpora.store import Corpus
    from gapt.music.frames import MELODY

    notes, at = [], 0
    for song in Corpus.load(corpus).select("ood"):
        if song.beats_per_bar == 4 and at < frames:
            spans = MELODY.to_spans(song.frames.melody)
            notes += [(int(pitch), at + a, at + b) for a, b, pitch in spans]
            at += -(-len(song.frames) // 16) * 16
    return notes


def report(page, minute, before):
    """What a take was like so far; a minute has so many frames, and `before` all played so many."""
    # All at once: to hand thousands of frames over takes the page long enough to be late.
    told = page.evaluate("(({ frames, late, alone }) => ({ frames, late, alone }))(gapt.ledger)")
    frames = told["frames"]
    spare = [1000 * (f["start"] - f["decided"]) for f in frames if f["decided"] is not None]
    answers = [1000 * t for t in answer_times(page)]
    return {
        "frames": len(frames),
        "gaps": sum(b["frame"] - a["frame"] != 1 for a, b in pairwise(frames)),
        "late": told["late"],
        "late_when_all_play": sum(f["late"] for f in frames[before:]),
        "alone": told["alone"],
        "changes_per_bar": [
            round(16 * np.mean([f["onset"] for f in frames[at : at + minute]]), 2)
            for at in range(0, len(frames) - minute // 2, minute)
        ],
        "silent_share": round(float(np.mean([f["name"] is None for f in frames])), 3),
        "spare_ms": {"min": round(min(spare), 1), "p50": round(float(np.median(spare)), 1)},
        # Nobody plays on pages other than the first.
        "answer_ms": {
            f"p{p}": round(float(np.percentile(answers, p))) for p in (50, 95) if answers
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", help="a cached corpus with OpenEWLD in it")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--bpm", type=int, default=120)
    parser.add_argument("--commit", type=int, default=1, choices=[1, 2, 4, 8, 16])
    parser.add_argument("--pages", type=int, default=1, help="all play; the first is played on")
    parser.add_argument("--cut", type=float, default=0, help="seconds without network, half-way")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    asked = parser.parse_args()
    frames = round(asked.minutes * asked.bpm * 4)
    notes = melody(asked.corpus, frames)
    with jam_at(asked.model) as (_, url), line_to(url) as line, chromium() as browser:
        pages = []
        for _ in range(asked.pages):
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            open_page(page, line.url)
            pages.append(page)
        for page in reversed(pages):
            start(page, tempo=asked.bpm, commit=asked.commit)
            page.evaluate("gapt.loaded")
        before = [page.evaluate("gapt.ledger.frames.length") for page in pages]
        cuts = []
        if asked.cut:
            half = frames // 2
            cuts = [(half, line.cut), (half + asked.cut * asked.bpm / 15, line.mend)]
        play(pages[0], notes, asked.bpm, until=frames, meanwhile=cuts)
        time.sleep(0.5)
        takes = [report(page, 4 * asked.bpm, n) for page, n in zip(pages, before, strict=True)]
        for page in pages:
            wait_until(page, "gapt.playing")
    print(json.dumps({"asked": vars(asked), "takes": takes}, indent=1))


if __name__ == "__main__":
    main()
