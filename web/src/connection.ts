/**
 * The WebSocket to the server: `gapt.live.protocol` seen from the page. One connection is one take.
 *
 * Knows message shapes; nothing of time or sound.
 */

import type { MelodyState } from "./melody.js";

export const VERSION = 1;

export interface ChordMessage {
  type: "chord";
  frame: number;
  /** Struck in this frame; otherwise held from the one before. */
  onset: boolean;
  /** As on a lead sheet; null is silence. */
  name: string | null;
  /** MIDI pitches, the bass first. */
  notes: number[];
}

export interface ReadyMessage {
  type: "ready";
  version: number;
  model: string;
  models: string[];
  temperature: number;
  frames_per_beat: number;
  chord: ChordMessage;
}

interface ErrorMessage {
  type: "error";
  message: string;
}

type ServerMessage = ReadyMessage | ChordMessage | ErrorMessage;

export interface Wishes {
  model: string | null;
  temperature: number | null;
  seed: number | null;
}

export interface Handlers {
  onReady(ready: ReadyMessage): void;
  onChord(chord: ChordMessage): void;
  /** @param reason the server's own words, or null when the line just broke */
  onClosed(reason: string | null): void;
}

export class Connection {
  private socket: WebSocket | null = null;
  private ready: Promise<ReadyMessage> | null = null;
  private told = false;

  constructor(private readonly handlers: Handlers) {}

  /** A session that has heard nothing yet: the waiting one if there is one, else a new one. */
  fresh(wishes: Wishes): Promise<ReadyMessage> {
    if (this.ready && !this.told) return this.ready;
    return this.open(wishes);
  }

  /** Drop the session, if any, and start another. Rejects if it cannot be had. */
  open(wishes: Wishes): Promise<ReadyMessage> {
    this.close();
    this.told = false;
    const url = new URL("session", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.socket = socket;
    let reason: string | null = null;
    this.ready = new Promise((resolve, reject) => {
      socket.onopen = () => this.send({ type: "hello", version: VERSION, ...wishes });
      socket.onmessage = (event) => {
        if (socket !== this.socket) return;
        const message = JSON.parse(event.data as string) as ServerMessage;
        if (message.type === "chord") this.handlers.onChord(message);
        else if (message.type === "error") reason = message.message;
        else {
          resolve(message);
          this.handlers.onReady(message);
        }
      };
      socket.onclose = () => {
        reject(new Error(reason ?? "no connection"));
        if (socket !== this.socket) return;
        this.socket = this.ready = null;
        this.handlers.onClosed(reason);
      };
    });
    this.ready.catch(() => undefined); // `onClosed` reports it; who awaits it sees it too
    return this.ready;
  }

  close(): void {
    const socket = this.socket;
    this.socket = this.ready = null;
    socket?.close();
  }

  tell(state: MelodyState): void {
    this.told = true;
    this.send({ type: "melody", ...state });
  }

  setTemperature(value: number): void {
    this.send({ type: "temperature", value });
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
