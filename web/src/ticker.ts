/** A worker that ticks. See `startTicker`. */

const INTERVAL_MS = 4;

setInterval(() => postMessage(null), INTERVAL_MS);
