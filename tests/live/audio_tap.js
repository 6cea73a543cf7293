// Runs before the page's own scripts: whatever goes to the speakers is also kept, with the audio
// time of its first sample, and so is how far ahead every source was started.
(() => {
  const connect = AudioNode.prototype.connect;
  const blocks = [];
  const leads = [];
  let rate = 0;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
      // Not an AudioWorklet: its script would have to come from the server, as the page insists.
      const { context } = this;
      const tap = context.createScriptProcessor(16384, 2, 1);
      const both = new ChannelMergerNode(context, { numberOfInputs: 2 });
      const sound = new GainNode(context, { channelCount: 1, channelCountMode: "explicit" });
      // The second channel carries the audio clock itself, in hours.
      const clock = new ConstantSourceNode(context, { offset: 0 });
      clock.offset.setValueAtTime(0, 0);
      clock.offset.linearRampToValueAtTime(1, 3600);
      clock.start();
      connect.call(this, sound);
      connect.call(sound, both, 0, 0);
      connect.call(clock, both, 0, 1);
      connect.call(both, tap);
      connect.call(tap, to); // silent, but without it nothing is processed
      rate = context.sampleRate;
      tap.onaudioprocess = ({ inputBuffer }) => {
        const time = inputBuffer.getChannelData(1)[0] * 3600;
        const samples = Int16Array.from(inputBuffer.getChannelData(0), (x) => 32767 * x);
        if (time > 0) blocks.push([time, samples]);
      };
    }
    return connect.call(this, to, ...rest);
  };
  for (const source of [OscillatorNode, AudioBufferSourceNode]) {
    const start = source.prototype.start;
    source.prototype.start = function (when, ...rest) {
      leads.push(when - this.context.currentTime);
      return start.call(this, when, ...rest);
    };
  }
  // Base64 of what was played, in order, as int16.
  const base64 = (samples) => {
    let text = "";
    for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  };
  window.audioTap = {
    read: () => ({ rate, leads, blocks: blocks.map(([time, samples]) => [time, base64(samples)]) }),
  };
})();
