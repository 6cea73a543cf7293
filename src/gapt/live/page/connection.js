/**
 * The WebSocket to the server: `gapt.live.protocol` seen from the page. One connection is one take.
 *
 * Knows message shapes; nothing of time or sound.
 */
export const VERSION = 1;
export class Connection {
    handlers;
    socket = null;
    ready = null;
    told = false;
    constructor(handlers) {
        this.handlers = handlers;
    }
    /** A session that has heard nothing yet: the waiting one if there is one, else a new one. */
    fresh(wishes) {
        if (this.ready && !this.told)
            return this.ready;
        return this.open(wishes);
    }
    /** Drop the session, if any, and start another. Rejects if it cannot be had. */
    open(wishes) {
        this.close();
        this.told = false;
        const url = new URL("session", location.href);
        url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
        const socket = new WebSocket(url);
        this.socket = socket;
        let reason = null;
        this.ready = new Promise((resolve, reject) => {
            socket.onopen = () => this.send({ type: "hello", version: VERSION, ...wishes });
            socket.onmessage = (event) => {
                if (socket !== this.socket)
                    return;
                const message = JSON.parse(event.data);
                if (message.type === "chord")
                    this.handlers.onChord(message);
                else if (message.type === "error")
                    reason = message.message;
                else {
                    resolve(message);
                    this.handlers.onReady(message);
                }
            };
            socket.onclose = () => {
                reject(new Error(reason ?? "no connection"));
                if (socket !== this.socket)
                    return;
                this.socket = this.ready = null;
                this.handlers.onClosed(reason);
            };
        });
        this.ready.catch(() => undefined); // `onClosed` reports it; who awaits it sees it too
        return this.ready;
    }
    close() {
        const socket = this.socket;
        this.socket = this.ready = null;
        socket?.close();
    }
    tell(state) {
        this.told = true;
        this.send({ type: "melody", ...state });
    }
    setTemperature(value) {
        this.send({ type: "temperature", value });
    }
    send(message) {
        if (this.socket?.readyState === WebSocket.OPEN)
            this.socket.send(JSON.stringify(message));
    }
}
