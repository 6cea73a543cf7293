"""A player's install: no training library is needed, and nothing is written unasked."""

import os
import subprocess
import sys

PLAY = """
import sys
TRAINING = {"torch", "lightning_fabric", "safetensors", "pyarrow", "music21", "tensorboard",
            "onnx", "onnxscript", "pandas", "matplotlib"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in TRAINING:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Absent())
"""


def run(code, *arguments, home):
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    return subprocess.run(
        [sys.executable, "-c", PLAY + code, *arguments],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip


def test_playing_needs_no_training_library_and_leaves_no_trace(model, tmp_path):
    code = """
import gapt.cli, gapt.live.accompany, gapt.live.server, gapt.music.midi
from gapt.live.accompanist import Accompanist
accompanist = Accompanist.load(sys.argv[1], seed=0)
for _ in range(20):
    accompanist.step(0)
print(accompanist.frame)
"""
    done = run(code, str(model), home=tmp_path)
    assert (done.stdout, done.stderr) == ("20\n", "")
    assert not list(tmp_path.rglob("*"))


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
