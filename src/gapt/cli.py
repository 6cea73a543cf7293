"""The command line. Each command reads its options and calls one function; no logic lives here.

Libraries that a player does not have, or that are slow to import, are imported inside commands.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gapt import __version__
from gapt.errors import UserError, did_you_mean
from gapt.files import write_json
from gapt.weights import DEFAULT_MODEL, SHIPPED_JUDGES

MAX_SEED = 2**32 - 1

app = typer.Typer(
    help="A live chord partner, and the training system behind it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data = typer.Typer(help="Corpora: download and prepare.", no_args_is_help=True)
bench = typer.Typer(help="Measure speed.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(bench, name="bench")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gapt {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


@data.command("download")
def _download(
    out: Annotated[Path, typer.Option(help="Folder for the archives.")],
    only: Annotated[list[str] | None, typer.Option(help="Only this corpus; repeatable.")] = None,
    sha256: Annotated[str | None, typer.Option(help="The checksum that --only must have.")] = None,
) -> None:
    """Fetch the published corpora from their publishers (a few MB each)."""
    from gapt.corpora.download import download

    download(out, only or (), sha256)


@data.command("prepare")
def _prepare(
    out: Annotated[Path, typer.Option(help="Folder for the prepared corpus.")],
    hooktheory: Annotated[Path | None, typer.Option(help="Hooktheory.json.gz.")] = None,
    pop909: Annotated[Path | None, typer.Option(help="POP909 archive or folder.")] = None,
    nottingham: Annotated[Path | None, typer.Option(help="Nottingham archive or folder.")] = None,
    openewld: Annotated[Path | None, typer.Option(help="OpenEWLD archive or folder.")] = None,
    tunes: Annotated[bool, typer.Option("--tunes", help="The tunes that come with gapt.")] = False,
) -> None:
    """Turn published corpora into the corpus that training reads."""
    from gapt.corpora.prepare import TUNES, prepare

    given = {
        "hooktheory": hooktheory,
        "pop909": pop909,
        "nottingham": nottingham,
        "openewld": openewld,
        "tunes": TUNES if tunes else None,
    }
    prepare({name: path for name, path in given.items() if path is not None}, out)


ModelOption = Annotated[
    str, typer.Option("--model", help="gapt, mle, realchords, or an exported model file.")
]


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


_SPLITS = ("test", "ood")  # and valid, by which one chooses
_SCENARIOS = ("cold", "primed", "perturbed", "long")  # and duet, which needs a melodist

CorpusFolder = Annotated[Path, typer.Option("--corpus", help="What 'gapt data prepare' wrote.")]


class Stage(StrEnum):
    """What can be trained."""

    policy = "policy"
    anchor = "anchor"
    contrastive = "contrastive"
    discriminative = "discriminative"
    generative = "generative"
    rl = "rl"


@app.command("train")
def _train(
    stage: Stage,
    recipe: Annotated[
        Path, typer.Option(help="YAML file of the stage, e.g. recipes/policy-small.yaml.")
    ],
    corpus: CorpusFolder,
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    seed: Annotated[
        int | None, typer.Option(min=0, max=MAX_SEED, help="Instead of the recipe's.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that is there, if there is one.")
    ] = False,
) -> None:
    """Train a network by a recipe.

    policy: the online chord policy, by maximum likelihood.
    anchor: the offline anchor, which sees the whole melody.
    contrastive, discriminative, generative: the judges of coherence.
    rl: post-training by reinforcement learning, with GAPT's adversary or without.
    """
    import msgspec

    from gapt.corpora.store import Corpus
    from gapt.training.recipes import load_recipe
    from gapt.training.stages import train

    settings = load_recipe(recipe, stage)
    if seed is not None:
        settings = msgspec.structs.replace(settings, seed=seed)
    train(stage, settings, Corpus.load(corpus), out, resume=resume)


class Preset(StrEnum):
    """Named sizes."""

    tiny = "tiny"
    small = "small"
    paper = "paper"


@app.command("reproduce")
def _reproduce(
    preset: Annotated[Preset, typer.Option(help="The sizes.")],
    corpus: CorpusFolder,
    out: Annotated[Path, typer.Option("--out", help="Folder of all runs.")],
    systems: Annotated[
        str,
        typer.Option(
            help="Post-trained systems, with commas, of realchords, gapt-no-adv, gapt, "
            "gapt-following, gapt-following-no-adv, gapt-dy, grpo, grpo-adv; or all."
        ),
    ] = "realchords,gapt-no-adv,gapt,gapt-following",
    seeds: Annotated[str, typer.Option(help="Of post-training, separated by commas.")] = "0,1,2",
    updates: Annotated[
        int | None,
        typer.Option(min=1, help="Of each post-trained system. Left out: as its recipe says."),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Trajectories of such an update. Left out: as the recipe says."),
    ] = None,
    split: Annotated[str, typer.Option(help="To evaluate on: test, ood, or all.")] = "test",
    scenario: Annotated[
        str,
        typer.Option(
            help="cold, primed, perturbed, long; several with commas; or all. And duet, for which "
            "a melody agent is trained, too."
        ),
    ] = "cold,perturbed",
    songs: Annotated[int, typer.Option(min=1, help="Songs of a split, at most.")] = 256,
) -> None:
    """Train every stage of every system, and evaluate them all; goes on where it was cut off."""
    splits = _choices("--split", split, _SPLITS)
    scenarios = _choices("--scenario", scenario, _SCENARIOS, "duet")
    numbers = _seeds(seeds)
    from gapt.corpora.store import Corpus
    from gapt.training.reproduce import SYSTEMS, reproduce

    reproduce(
        preset,
        Corpus.load(corpus),
        out,
        systems=_choices("--systems", systems, SYSTEMS),
        seeds=numbers,
        updates=updates,
        batch=batch,
        splits=splits,
        scenarios=scenarios,
        songs=songs,
    )


@app.command("export")
def _export(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="A run folder, a checkpoint, or a shipped model; of several runs from the same "
            "start, their mean."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The .onnx or .safetensors file to write.")],
    calm: Annotated[
        str | None,
        typer.Option(
            help="Added to a policy's logit of holding its chord, so it moves less: one number, or "
            "four, for the beat and the three sixteenths after it. Left out: as it is."
        ),
    ] = None,
    settle: Annotated[
        float | None,
        typer.Option(
            help="Added to it as well in the sixteenth after a chord was struck, so that none is "
            "struck over at once. Left out: as it is."
        ),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Store the weights in 16 bits.")] = False,
    float32: Annotated[
        bool, typer.Option("--float32", help="Play exactly as trained: not in 8 bits, but slower.")
    ] = False,
) -> None:
    """Export a trained network: a policy as ONNX, to play with; any as safetensors, to share."""
    from gapt.models.export import export as write

    biases = _calm(calm) if calm else ()
    write(runs, out, calm=biases, settle=settle, half=half, float32=float32)


JudgesFolder = Annotated[
    Path,
    typer.Option(
        "--judges", help="Folder of judges; left out: the shipped ones.", show_default=False
    ),
]


@app.command("evaluate")
def _evaluate(
    system: Annotated[
        list[str],
        typer.Option(
            "--system",
            help="NAME=PATH of a run or checkpoint, or a shipped model; a NAME given several "
            "times is one system with several runs.",
        ),
    ],
    corpus: CorpusFolder,
    out: Annotated[Path, typer.Option("--out", help="Folder for tables, figures and sound.")],
    split: Annotated[str, typer.Option(help="test, ood, or all; or valid.")] = "test",
    scenario: Annotated[
        str, typer.Option(help="cold, primed, perturbed, long, duet; several with commas; or all.")
    ] = "cold",
    songs: Annotated[int, typer.Option(min=1, help="Songs of a split, at most.")] = 256,
    seeds: Annotated[str, typer.Option(help="Seeds of the sampling, separated by commas.")] = "0",
    temperature: Annotated[float, typer.Option(min=0.01, help="Of the sampling.")] = 0.99,
    anchor: Annotated[
        Path, typer.Option(help="Run or checkpoint of the anchor; left out: the shipped one.")
    ] = Path("anchor"),
    judges: JudgesFolder = SHIPPED_JUDGES,
    melodist: Annotated[
        Path | None, typer.Option(help="The policy that improvises the melodies of a duet.")
    ] = None,
    audio: Annotated[int, typer.Option(min=0, help="Songs to render as WAV.")] = 0,
) -> None:
    """Let systems play along with held-out melodies, and measure what they play."""
    systems: dict[str, list[Path]] = {}
    for item in system:
        name, _, path = item.partition("=")
        if not (name and path):
            raise UserError(
                f"--system takes NAME=PATH, e.g. mine=runs/mine or gapt=gapt; not '{item}'"
            )
        systems.setdefault(name, []).append(Path(path))
    splits = _choices("--split", split, _SPLITS, "valid")
    scenarios = _choices("--scenario", scenario, _SCENARIOS, "duet")
    numbers = _seeds(seeds)
    from gapt.corpora.store import Corpus
    from gapt.evaluation.evaluate import evaluate

    evaluate(
        systems,
        Corpus.load(corpus),
        out,
        anchor=anchor,
        judges=judges,
        splits=splits,
        scenarios=scenarios,
        songs=songs,
        seeds=numbers,
        temperature=temperature,
        melodist=melodist,
        audio=audio,
    )


@app.command("plot")
def _plot(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, to be compared.")],
    out: Annotated[Path, typer.Option("--out", help="The picture to write.")],
) -> None:
    """Draw how training runs went; runs named NAME-0, NAME-1 ... in one colour, beside others."""
    from gapt.training.curves import plot

    plot(runs, out)


@app.command("judge")
def _judge(
    corpus: CorpusFolder,
    out: Annotated[Path, typer.Option("--out", help="Folder for the report.")],
    judges: JudgesFolder = SHIPPED_JUDGES,
    split: Annotated[str, typer.Option(help="test, or ood.")] = "test",
    songs: Annotated[int, typer.Option(min=2, help="Songs of the split, at most.")] = 256,
) -> None:
    """Examine the judges of coherence: what they find, and whether they notice worse chords."""
    if split not in _SPLITS:
        raise UserError(f"--split is '{split}'. {did_you_mean(split, _SPLITS)}")
    from gapt.corpora.store import Corpus
    from gapt.evaluation.judges import examine

    examine(judges, Corpus.load(corpus), out, split=split, songs=songs)


@app.command("credit")
def _credit(
    recipe: Annotated[Path, typer.Option(help="Of post-training: a recipes/rl/….yaml.")],
    corpus: CorpusFolder,
    policy: Annotated[
        Path, typer.Option(help="Run or checkpoint that plays, or a shipped model.")
    ] = Path("recover"),
) -> None:
    """Examine what the judges of a recipe tell a policy, and whether it is which chords fit."""
    from gapt.corpora.store import Corpus
    from gapt.training.credit import credit, report
    from gapt.training.recipes import load_recipe

    chosen = load_recipe(recipe, "rl")
    typer.echo(report(credit(chosen, Corpus.load(corpus), policy)))


def _seeds(text: str) -> list[int]:
    """Of `--seeds`: separated by commas."""
    numbers = [number.strip() for number in text.split(",")]
    if not all(number.isdecimal() and int(number) <= MAX_SEED for number in numbers):
        raise UserError(f"--seeds takes whole numbers below 2^32, e.g. 0,1,2; not '{text}'")
    if len(set(map(int, numbers))) < len(numbers):
        raise UserError(f"--seeds {text} names a seed twice, which would count as two plays")
    return [int(number) for number in numbers]


def _calm(text: str) -> list[float]:
    """Of `--calm`: numbers, separated by commas."""
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise UserError(f"--calm takes numbers, e.g. 1,4,3,4; not '{text}'") from None


def _choices(option: str, text: str, usual: Sequence[str], *more: str) -> list[str]:
    """Some of `usual` and `more`, separated by commas, or "all": the usual ones."""
    if text == "all":
        return list(usual)
    chosen = [name.strip() for name in text.split(",")]
    for choice in chosen:
        if choice not in (*usual, *more):
            hint = did_you_mean(choice, (*usual, *more, "all"))
            raise UserError(f"{option} is '{choice}'. {hint}")
    return chosen


JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the figures here.")]
Figures = dict[str, Any]


def _tell(figures: Figures, report: Callable[[Figures], str], path: Path | None) -> None:
    """Print the figures in words, and write them as JSON if a path is given."""
    typer.echo(report(figures))
    if path:
        write_json(path, figures)


@bench.command("decision")
def _bench_decision(
    model: ModelOption = DEFAULT_MODEL,
    frames: Annotated[int, typer.Option(min=10, help="Decisions to time.")] = 1000,
    json: JsonFile = None,
) -> None:
    """Time the accompanist's decisions on one core, at a session's start and long after."""
    from gapt.live.bench_decision import bench_decision, report

    _tell(bench_decision(model, frames), report, json)


@bench.command("measures")
def _bench_measures(
    judges: JudgesFolder = SHIPPED_JUDGES,
    json: JsonFile = None,
) -> None:
    """Time all measures of 1,000 made-up songs of 256 frames."""
    from gapt.evaluation.bench import bench_measures, report

    _tell(bench_measures(judges), report, json)


@bench.command("rollout")
def _bench_rollout(
    model: Annotated[
        Path, typer.Option(help="A shipped policy's name, a run, or a checkpoint.")
    ] = Path("mle"),
    json: JsonFile = None,
) -> None:
    """Time a policy playing 64 songs of 256 frames at once, on the CPU."""
    from gapt.evaluation.bench import bench_rollout, report

    _tell(bench_rollout(model), report, json)


@bench.command("train")
def _bench_train(
    preset: Annotated[Preset, typer.Option(help="The sizes.")] = Preset.small,
    updates: Annotated[int, typer.Option(min=1, help="Updates to time, after the first.")] = 3,
    json: JsonFile = None,
) -> None:
    """Time one update of post-training, part by part."""
    from gapt.training.bench import bench_train, report

    _tell(bench_train(preset, updates), report, json)


@bench.command("live")
def _bench_live(
    sessions: Annotated[int, typer.Option(min=1, help="Players at the same time.")] = 20,
    bpm: Annotated[float, typer.Option(min=20, max=400, help="Their tempo.")] = 120,
    seconds: Annotated[float, typer.Option(min=1, help="How long they play.")] = 30,
    model: ModelOption = DEFAULT_MODEL,
    json: JsonFile = None,
) -> None:
    """Time the answers of a server that many play with, in real time, over sockets."""
    from gapt.live.bench_live import bench_live, report

    _tell(bench_live(sessions, bpm, seconds, model), report, json)


def main() -> None:
    """Entry point: a user's error is one clear message and exit code 2, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a song's name may be in any script
    try:
        app()
    except UserError as error:
        typer.echo(f"gapt: {error}", err=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "gapt":
            raise
        typer.echo(
            f"gapt: this command needs '{error.name}', which players do not install. "
            "In a checkout 'make train' installs it; otherwise: "
            f"{sys.executable} -m pip install 'gapt[train]'",
            err=True,
        )
        sys.exit(2)
    except OSError as error:  # such as a path that is too long, or may not be looked at
        if error.strerror is None:
            raise
        what = f"cannot use {error.filename}: " if error.filename else ""
        typer.echo(f"gapt: {what}{error.strerror}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
