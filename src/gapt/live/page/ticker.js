/** A worker that ticks. See `startTicker`. */
const INTERVAL_MS = 6;
setInterval(() => postMessage(null), INTERVAL_MS);
export {};
