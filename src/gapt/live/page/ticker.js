/** A worker that answers after so many milliseconds. See `Ticker`. */
let timer = 0;
onmessage = ({ data: wait }) => {
    clearTimeout(timer);
    timer = setTimeout(() => postMessage(null), wait);
};
export {};
