"""`gapt jam`, `ports`, `accompany`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gapt.cli.options import (
    MAX_SEED,
    ModelOption,
)
from gapt.cli.root import app
from gapt.errors import UserError
from gapt.weights import DEFAULT_MODEL


class Clock(StrEnum):
    """Whose time counts, without a page."""

    incoming = "in"
    internal = "internal"


@app.command("jam")
def _jam(
    context: typer.Context,
    host: Annotated[
        str,
        typer.Option(
            help="Address to serve the page on. Any but this machine's own, e.g. 0.0.0.0, lets "
            "other machines connect, with the link that is printed."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8765,
    model: ModelOption = DEFAULT_MODEL,
    temperature: Annotated[
        float,
        typer.Option(
            min=0.0, max=2.0, help="How adventurous the chords are; the page can change it."
        ),
    ] = 1.0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
    midi_in: Annotated[
        str | None, typer.Option(help="Without a page: hear the melody from this MIDI port.")
    ] = None,
    midi_out: Annotated[
        str | None, typer.Option(help="Without a page: play the chords to this MIDI port.")
    ] = None,
    clock: Annotated[
        Clock,
        typer.Option(help="Without a page: keep to the MIDI clock that comes in, or to ours."),
    ] = Clock.internal,
    bpm: Annotated[
        float, typer.Option(min=20, max=400, help="Without a page: the tempo of our own clock.")
    ] = 120,
    listen: Annotated[
        int, typer.Option(min=0, help="Without a page: beats to hear before the first chord.")
    ] = 4,
) -> None:
    """Play a melody; the model plays the chords. In the browser, or from MIDI port to MIDI port."""
    if (midi_in is None) != (midi_out is None):
        raise UserError("--midi-in and --midi-out go together; 'gapt ports' lists the ports")
    if midi_in is not None and midi_out is not None:
        _refuse(context, "host port browser", "the page, which --midi-in and --midi-out do without")
        if clock is Clock.incoming:
            _refuse(context, "bpm", "--clock internal; now the other device sets the tempo")
        from gapt.live.duet import play

        play(
            midi_in,
            midi_out,
            clock=clock.value,
            bpm=bpm,
            model=model,
            temperature=temperature,
            listen=listen,
        )
        return
    _refuse(context, "clock bpm listen", "--midi-in and --midi-out; the page has its own controls")
    from gapt.live.server import serve

    serve(host, port, model, temperature, browser)


def _refuse(context: typer.Context, options: str, of: str) -> None:
    """Refuse options that would be ignored, because they are only for `of`."""
    for name in options.split():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UserError(f"--{name} is for {of}")


@app.command("ports")
def _ports() -> None:
    """List the MIDI ports that 'gapt jam --midi-in --midi-out' can use."""
    from gapt.live.ports import list_ports

    list_ports()


@app.command("accompany")
def _accompany(
    melody: Annotated[Path, typer.Argument(help="A MIDI file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The MIDI file to write.")],
    model: ModelOption = DEFAULT_MODEL,
    track: Annotated[
        int | None,
        typer.Option(
            help="The melody's track, the file's first being 1; in a file with one track, "
            "its channel. Left out: the one that looks most like a melody."
        ),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option(min=0, max=2, help="How adventurous the chords are; 0: the likeliest ones."),
    ] = 1.0,
    listen: Annotated[
        int, typer.Option(min=0, help="Beats of the melody to hear before the first chord.")
    ] = 4,
    seed: Annotated[
        int | None, typer.Option(min=0, max=MAX_SEED, help="The same seed plays the same chords.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="JSON report to write.")] = None,
) -> None:
    """Play chords to a melody in a MIDI file, hearing it as if it came live."""
    from gapt.live.accompany import accompany_file

    accompany_file(
        melody,
        out,
        model=model,
        track=track,
        temperature=temperature,
        listen=listen,
        seed=seed,
        report=report,
    )
