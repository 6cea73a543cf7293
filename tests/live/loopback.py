"""A mido backend in place of hardware: somebody plays a tune with a MIDI clock, then hits Ctrl-C.

MIDO_BACKEND=loopback gapt jam ...: `keys` is the port to listen to, `synth` the one to play to,
which writes what it is sent to the file that LOOPBACK names. LOOPBACK_ENDS is another signal.
"""

import os
import signal
import threading
import time
from pathlib import Path

import mido
from mido.ports import BaseInput, BaseOutput

TUNE = (60, 64, 67, 72, 71, 67, 65, 64, 62, 65, 69, 74, 72, 71, 67, 60)
CLOCK_SECONDS = 0.005


def get_devices():
    return [
        {"name": "keys", "is_input": True, "is_output": False},
        {"name": "keys 2", "is_input": True, "is_output": False},
        {"name": "synth", "is_input": False, "is_output": True},
    ]


class Input(BaseInput):
    def _open(self, callback=None, **options):
        self._hear = callback
        # Who runs the tests in the background hands down that Ctrl-C is ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=self._play, daemon=True).start()

    def _play(self):
        time.sleep(0.5)
        self._hear(mido.Message("note_on", note=50))  # before the start: of no take
        self._hear(mido.Message("note_off", note=50))
        self._hear(mido.Message("start"))
        for pitch in TUNE:
            for clock in range(24):
                self._hear(mido.Message("clock"))
                if clock == 0:
                    self._hear(mido.Message("note_on", note=pitch))
                    self._hear(mido.Message("note_on", note=36, channel=9))  # a drum: no melody
                if clock == 20:
                    self._hear(mido.Message("note_on", note=pitch, velocity=0))
                time.sleep(CLOCK_SECONDS)
        self._hear(mido.Message("stop"))
        time.sleep(0.2)
        os.kill(os.getpid(), getattr(signal, os.environ.get("LOOPBACK_ENDS", "SIGINT")))


class Output(BaseOutput):
    def _open(self, **options):
        self._record = Path(os.environ["LOOPBACK"])

    def _send(self, message):
        with self._record.open("a") as file:
            print(message.type, message.note, file=file)
