"""A player's install: no training library is needed, nothing is written unasked, nobody called."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest

from gapt.music.leadsheet import Note
from gapt.music.midi import MelodyFile, write
from gapt.weights import shipped_models

TRAINING = {
    "filelock", "fsspec", "functorch", "lightning_fabric", "lightning_utilities", "matplotlib",
    "mpl_toolkits", "music21", "onnx", "onnxscript", "pandas", "pretty_midi", "pyarrow", "pylab",
    "safetensors", "scipy", "sklearn", "tensorboard", "torch", "torchgen", "vendi_score",
}  # fmt: skip

PLAY = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in TRAINING:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Absent())

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else address
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if host not in ("localhost", "127.0.0.1", "::1"):
        print(event, host, file=sys.stderr)  # should somebody catch what is raised
        raise PermissionError(f"{event} {host}")

sys.addaudithook(watch)
"""


def run(code, *arguments, home):
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    return subprocess.run(
        [sys.executable, "-c", f"TRAINING = {TRAINING}" + PLAY + code, *arguments],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip


def test_what_is_absent_here_is_what_training_installs():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"]["train"]
    names = {re.match(r"[\w-]+", text)[0].replace("_", "-").lower() for text in wanted}
    brought = {
        module
        for module, sources in packages_distributions().items()
        if names & {source.replace("_", "-").lower() for source in sources}
        and module != "__pycache__"  # which Python 3.13 takes for one
    }
    assert len(brought) >= len(names)
    assert brought <= TRAINING


def test_playing_needs_no_training_library_and_leaves_no_trace(model, tmp_path):
    code = """
import importlib, pkgutil
import gapt.cli, gapt.live, gapt.music.midi
modules = list(pkgutil.walk_packages(gapt.live.__path__, "gapt.live."))
for module in modules:
    importlib.import_module(module.name)
assert len(modules) > 10
from gapt.live.accompanist import Accompanist
accompanist = Accompanist.load(sys.argv[1], seed=0)
for _ in range(20):
    accompanist.step(0)
print(accompanist.frame)
"""
    done = run(code, str(model), home=tmp_path)
    assert (done.stdout, done.stderr) == ("20\n", "")
    assert not list(tmp_path.rglob("*"))


@pytest.mark.skipif(not shipped_models(), reason="no model is shipped")
def test_accompanying_calls_nobody(tmp_path):
    """Whichever model plays."""
    write(
        tmp_path / "in.mid",
        MelodyFile(tuple(Note(beat, beat + 1, 60 + beat) for beat in range(12))),
        np.zeros(0, dtype=np.int16),
    )
    code = """
from pathlib import Path
from gapt.live.accompany import accompany_file
folder, *models = sys.argv[1:]
for model in models:
    accompany_file(Path(folder, "in.mid"), Path(folder, f"{model}.mid"), model=model, listen=4)
"""
    done = run(code, str(tmp_path), *shipped_models(), home=tmp_path / "home")
    assert done.stderr == ""
    assert {path.stem for path in tmp_path.glob("*.mid")} == {"in", *shipped_models()}


def test_a_training_command_says_what_to_install(tmp_path):
    code = """
import gapt.cli
sys.argv = ["gapt", "train", "policy", "--recipe", "r", "--corpus", "c", "--out", "o"]
gapt.cli.main()
"""
    done = run(code, home=tmp_path)
    assert done.returncode == 2
    assert "pip install 'gapt[train]'" in done.stderr
    assert "Traceback" not in done.stderr
