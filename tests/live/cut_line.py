"""A network between the browser and `gapt jam` that can be cut, or slow."""

import asyncio
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit


class Line:
    """Passes bytes on to a server until it is cut.

    Attributes:
        url: where the server can be reached through it.
        delay: seconds that bytes take, each way.
    """

    def __init__(self, url):
        self.delay = 0.0
        self._target = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._writers = set()
        self._whole = True
        self.url = ""

    def cut(self):
        """Every connection breaks, and none can be made."""
        self._loop.call_soon_threadsafe(self._set, False)

    def mend(self):
        """Connections can be made again."""
        self._loop.call_soon_threadsafe(self._set, True)

    def _set(self, whole):
        self._whole = whole
        for writer in self._writers if not whole else ():
            writer.transport.abort()

    async def _serve(self, reader, writer):
        if not self._whole:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        both = {writer, back}
        self._writers |= both
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
        self._writers -= both

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        ready.set()
        self._loop.run_forever()
        server.close()
        self._set(False)  # so that what passes bytes on ends by itself
        self._loop.run_until_complete(asyncio.sleep(0.1))
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.1))

    async def _pass_on(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@contextmanager
def line_to(url):
    """A line to the server at `url`."""
    line, ready = Line(url), threading.Event()
    thread = threading.Thread(target=line._run, args=(ready,), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield line
    finally:
        line.cut()
        line._loop.call_soon_threadsafe(line._loop.stop)
        thread.join()
