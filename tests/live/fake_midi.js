// Runs before the page's own scripts: MIDI keyboards that nobody has to plug in.
(() => {
  const inputs = new Map();
  const access = { inputs, onstatechange: null };
  navigator.requestMIDIAccess = async () => access;
  const changed = () => access.onstatechange?.({});
  window.fakeMidi = {
    plug(name) {
      inputs.set(name, { id: name, name, state: "connected", onmidimessage: null });
      changed();
    },
    unplug(name) {
      inputs.get(name).state = "disconnected";
      changed();
    },
    send(name, ...bytes) {
      const event = { data: Uint8Array.from(bytes), timeStamp: performance.now() };
      inputs.get(name).onmidimessage?.(event);
    },
  };
})();
