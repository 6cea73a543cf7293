/** A worker that ticks while it is told to. See `Ticker`. */
const INTERVAL_MS = 8;
let interval = 0;
onmessage = ({ data: on }) => {
    clearInterval(interval);
    if (on)
        interval = setInterval(() => postMessage(null), INTERVAL_MS);
};
export {};
