// Runs before the page's own scripts: MIDI keyboards that nobody has to plug in.
(() => {
  const ports = new Map();
  const connected = () => [...ports].filter(([, port]) => port.state === "connected");
  const access = {
    // As in Chromium: a port that is unplugged is no longer among them.
    get inputs() {
      return new Map(connected());
    },
    onstatechange: null,
  };
  navigator.requestMIDIAccess = async () => access;
  const changed = () => access.onstatechange?.({});
  window.fakeMidi = {
    plug(name) {
      const port = ports.get(name) ?? { id: name, name, onmidimessage: null };
      port.state = "connected";
      ports.set(name, port);
      changed();
    },
    unplug(name) {
      ports.get(name).state = "disconnected";
      changed();
    },
    send(name, ...bytes) {
      const event = { data: Uint8Array.from(bytes), timeStamp: performance.now() };
      ports.get(name).onmidimessage?.(event);
    },
  };
})();
