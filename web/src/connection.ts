/**
 * The WebSocket to the server: opens sessions, takes one up again after a lost connection, measures
 * the round trip. What the messages mean is others' business.
 */

import {
  VERSION,
  type ClientMessage,
  type HelloMessage,
  type PlanMessage,
  type ReadyMessage,
  type ServerMessage,
  type SettingsMessage,
} from "./protocol.js";

/** What a session is asked for; see `HelloMessage`. */
export type Wishes = Omit<HelloMessage, "type" | "version" | "resume">;

export interface Handlers {
  /** A session is open: a new one, or the one that was lost. */
  onReady(ready: ReadyMessage): void;
  onPlan(plan: PlanMessage): void;
  onSettings(settings: SettingsMessage): void;
  /** The line broke; it is being mended. */
  onLost(): void;
  /**
   * The server ended it.
   * @param reason in its own words
   * @param idle only because nothing had come for long
   */
  onRefused(reason: string, idle: boolean): void;
}

const PING_MS = 2000;
/** After so many pings without an answer, or so long without a `ready`, the line is dead. */
const UNANSWERED = 2;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 4000;
const MISUNDERSTOOD = "The server sent something this page does not understand. Reload the page.";
/** The close code of a session to which nothing came for long. */
const GOING_AWAY = 1001;

export class Connection {
  /** The quickest recent way there and back, in milliseconds; null until measured. */
  latency: number | null = null;
  /** What a session has said since its `ready` of how it would begin, for a take to know, too. */
  early: PlanMessage[] = [];
  /** What to add to `performance.now()` for the server's clock, in milliseconds. */
  clockOffset = 0;
  private socket: WebSocket | null = null;
  private ready: Promise<ReadyMessage> | null = null;
  private session: string | null = null;
  /** The session that the present connection asked to go on with. */
  private resuming: string | null = null;
  private wishes: Wishes = {};
  private used = false;
  private retryMs = FIRST_RETRY_MS;
  private pings: { trip: number; offset: number }[] = [];
  private unanswered = 0;

  constructor(private readonly handlers: Handlers) {
    setInterval(() => this.ping(), PING_MS);
  }

  /** Whether a message sent now should arrive. */
  get open(): boolean {
    return this.session !== null && this.socket?.readyState === WebSocket.OPEN;
  }

  /** A session that has heard nothing yet: the waiting one if it is as wished, else a new one. */
  unusedSession(wishes: Wishes): Promise<ReadyMessage> {
    const waits = this.ready && !this.used;
    if (waits && JSON.stringify(wishes) === JSON.stringify(this.wishes)) return this.ready!;
    return this.begin(wishes);
  }

  /** Leave the session, if any, and begin another. Rejects if it cannot be had. */
  begin(wishes: Wishes): Promise<ReadyMessage> {
    this.wishes = wishes;
    this.used = false;
    return this.connect({ type: "hello", version: VERSION, ...wishes });
  }

  /** Dropped while offline; `onReady` tells the caller what to send again. */
  send(message: Exclude<ClientMessage, HelloMessage>): void {
    if (message.type === "melody") this.used = true;
    if (this.open) this.socket!.send(JSON.stringify(message));
  }

  private connect(hello: HelloMessage): Promise<ReadyMessage> {
    this.socket?.close(1000);
    this.session = null;
    this.unanswered = 0;
    this.pings = [];
    this.early = [];
    const url = new URL("session", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = (this.socket = new WebSocket(url));
    this.resuming = hello.resume ?? null;
    this.ready = new Promise((resolve, reject) => {
      let refusal: string | null = null;
      socket.onopen = () => socket.send(JSON.stringify(hello));
      socket.onmessage = (event) => {
        if (socket !== this.socket) return;
        const message = read(event.data);
        if (message === null) {
          refusal = MISUNDERSTOOD;
          socket.close(1000);
        } else if (message.type === "error") refusal = message.message; // it closes now, with a code
        else if (message.type === "ready") {
          this.session = message.session;
          this.retryMs = FIRST_RETRY_MS;
          this.unanswered = 0;
          this.ping();
          resolve(message);
          this.handlers.onReady(message);
        } else this.dispatch(message);
      };
      socket.onclose = ({ code }) => {
        reject(new Error(refusal ?? "no connection"));
        if (socket !== this.socket) return;
        if (refusal === null) this.lose();
        else this.end(refusal, code === GOING_AWAY);
      };
    });
    this.ready.catch(() => undefined); // the handlers report it, and callers who await it
    return this.ready;
  }

  private end(reason: string, idle: boolean): void {
    this.socket = this.ready = this.session = this.latency = null;
    this.handlers.onRefused(reason, idle);
  }

  private lose(): void {
    const lost = this.session ?? this.resuming;
    this.socket = this.ready = this.session = this.latency = null;
    this.handlers.onLost();
    this.retry(lost);
  }

  /** A session that has heard something is taken up again, any other is as good as a new one. */
  private retry(lost: string | null): void {
    setTimeout(() => {
      if (this.socket) return;
      const resume = this.used ? lost : null;
      void this.connect({ type: "hello", version: VERSION, ...this.wishes, resume });
    }, this.retryMs);
    this.retryMs = Math.min(LAST_RETRY_MS, 1.5 * this.retryMs);
  }

  private dispatch(message: Exclude<ServerMessage, { type: "ready" } | { type: "error" }>): void {
    if (message.type === "plan") {
      if (!this.used) this.early.push(message);
      this.handlers.onPlan(message);
    } else if (message.type === "settings") this.handlers.onSettings(message);
    else this.measure(message.t, message.server_time);
  }

  /** Browsers take minutes to see that a network is gone, and sessions wait for one. */
  private ping(): void {
    const { socket } = this;
    if (!socket) return;
    if (this.unanswered++ < UNANSWERED) this.send({ type: "ping", t: performance.now() });
    else {
      this.lose();
      socket.close();
    }
  }

  /** Cristian's algorithm: of the last pings, the quickest tells the clocks' difference best. */
  private measure(sent: number, serverTime: number): void {
    this.unanswered = 0;
    const trip = performance.now() - sent;
    this.pings = [...this.pings.slice(-7), { trip, offset: serverTime - (sent + trip / 2) }];
    const best = this.pings.reduce((a, b) => (b.trip < a.trip ? b : a));
    this.latency = best.trip;
    this.clockOffset = best.offset;
  }
}

/** A server's message, or null if it is none that this version knows. */
function read(data: unknown): ServerMessage | null {
  try {
    const message = JSON.parse(data as string) as ServerMessage;
    switch (message.type) {
      case "ready":
        return message.version === VERSION && isPlan(message.plan) ? message : null;
      case "plan":
        return isPlan(message) ? message : null;
      case "settings":
        return Number.isInteger(message.frame) ? message : null;
      case "pong":
        return Number.isFinite(message.t + message.server_time) ? message : null;
      case "error":
        return message;
      default:
        return null;
    }
  } catch {
    return null;
  }
}

function isPlan({ frame, committed, chords }: PlanMessage): boolean {
  return (
    Number.isInteger(frame) &&
    Number.isInteger(committed) &&
    chords.every(
      (chord, i) =>
        (i === 0 || chord.frame > chords[i - 1]!.frame) &&
        (chord.name === null) === (chord.notes.length === 0) &&
        chord.notes.every((note) => Number.isInteger(note) && note >= 0 && note <= 127),
    )
  );
}
