"""The README does what it says: its Python runs, and so do its commands, in order.

On all pages commands are ones that gapt knows, and links lead somewhere.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from gapt.cli import app
from gapt.live.models import load_model
from gapt.weights import DEFAULT_MODEL, shipped_models

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/*.md", "src/gapt/weights/*/README.md")
    for path in sorted(ROOT.glob(pattern))
}


@pytest.mark.skipif(DEFAULT_MODEL not in shipped_models(), reason="no model is shipped")
def test_the_python_example_plays_chords():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines
    assert all(re.fullmatch(r"\d+ [A-G]\S*", line) for line in lines)


def test_the_training_commands_run_in_order(tmp_path):
    section = README.partition("## Train and evaluate")[2].partition("\n## ")[0]
    lines = [line.partition("#")[0].strip() for line in section.splitlines()]
    commands = [line for line in lines if line.startswith("gapt ")]
    assert len(commands) == 5
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    for command in commands[:-1]:
        arguments = shlex.split(command)[1:]
        subprocess.run(
            [sys.executable, "-m", "gapt", *arguments],
            cwd=tmp_path, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    assert commands[-1].startswith("gapt jam --model ")
    load_model(tmp_path / commands[-1].split()[-1])


def shown(text):
    """What stands after "gapt" in a page's blocks of code: a command a line."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    indented = [line.lstrip() for line in re.findall(r"^ {4}.*\n", text, re.MULTILINE)]
    code = "".join([block for kind, block in fenced if kind in ("", "sh", "bash")] + indented)
    code = code.replace("\\\n", " ")
    return re.findall(r"^(?:.*?\bdo |.*? -m |\S*[/\\])?gapt ([^;#\n]+)", code, re.MULTILINE)


COMMANDS = typer.main.get_command(app)


def find(words):
    """The command that these words begin with, and the words after its name."""
    command = COMMANDS
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    return command, words


def test_commands_that_are_shown_are_understood():
    """As they stand, but for the values of a shell's variables; nothing is run."""
    understood, left_out, wrong = 0, [], []
    for page, text in PAGES.items():
        for line in shown(text):
            if "$(" in line:
                left_out.append(line)
                continue
            try:
                command, words = find(shlex.split(re.sub(r"\$\w+|\$\{.*?\}", "0", line)))
                command.make_context(command.name, words)
                understood += 1
            except Exception as error:
                wrong.append(f"{page}: gapt {line}: {error!r}")
    assert not wrong
    assert understood > 80
    assert len(left_out) < 5


def test_options_that_are_named_are_known():
    """In the text, where a command need not be complete."""
    named, wrong = 0, []
    for page, text in PAGES.items():
        for line in re.findall(r"`(?:\S*/)?gapt ([a-z][^`]*)`", text):
            try:
                command, words = find(line.split())
                known = {option for parameter in command.params for option in parameter.opts}
                assert {word for word in words if word.startswith("-")} <= known
                named += 1
            except Exception as error:
                wrong.append(f"{page}: gapt {line}: {error!r}")
    assert not wrong
    assert named > 30


def test_recipes_that_are_named_are_there():
    named = {name for text in PAGES.values() for name in re.findall(r"recipes/[\w/-]+\.yaml", text)}
    assert len(named) > 15
    assert not [name for name in named if not (ROOT / name).is_file()]


def anchors(text):
    """By GitHub's rule: the heading in small letters, of marks but hyphens, hyphens for spaces."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    texts = [re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def test_links_lead_somewhere():
    followed, wrong = 0, []
    for page, text in PAGES.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (ROOT / page).parent / path if path else ROOT / page
            followed += 1
            if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
                wrong.append(f"{page}: {link}")
    assert not wrong
    assert followed > 200
