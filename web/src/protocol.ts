/**
 * What the page and the server say to each other; docs/protocol.md explains it.
 *
 * Generated from src/gapt/live/protocol.py by tests/live/protocol_page.py.
 */

export const VERSION = 2;
export const MAX_STATES = 128;

export interface HelloMessage {
  type: "hello";
  /** of this protocol. */
  version: number;
  /** one of those that the server offers. */
  model?: string | null;
  /** how adventurous the chords are, 0 to 2; 0 is always the likeliest chord. */
  temperature?: number | null;
  /** the same seed answers the same messages with the same chords; null is random. */
  seed?: number | null;
  /** how many frames ahead to plan, the committed ones included. */
  lookahead?: number | null;
  /** how many of them are final; at most `lookahead`. 1 is the latest that is in time. */
  commit?: number | null;
  /** in frames; the model only listens until the first multiple of it after the melody's first note. 0: it plays from the start. */
  listen?: number;
  /** the session to go on with, as `ready` named it; the settings above are then ignored. The server keeps a session for a minute after its connection is lost. */
  resume?: string | null;
}

export interface MelodyMessage {
  type: "melody";
  /** of the first state. */
  frame: number;
  /** one a frame; at most 128, and more in further messages. */
  states: readonly State[];
}

export interface SetMessage {
  type: "set";
  /** one of those that the server offers. */
  model?: string | null;
  /** of the sampling from now on. */
  temperature?: number | null;
  /** how many frames ahead to plan. */
  lookahead?: number | null;
  /** how many of them are final; what is final already stays so. */
  commit?: number | null;
}

export interface PingMessage {
  type: "ping";
  /** milliseconds on the client's clock, whatever its zero. */
  t: number;
}

export interface ReadyMessage {
  type: "ready";
  /** of this protocol. */
  version: number;
  /** its secret name, for `hello.resume`. */
  session: string;
  /** the first frame to report: 0, or where a resumed session was interrupted. */
  frame: number;
  /** what a frame is. */
  frames_per_beat: number;
  /** the names that may be asked for. */
  models: readonly string[];
  /** how chords are decided. */
  settings: SettingsMessage;
  /** what is planned from `frame` on, the committed chords at least; further plans may follow before any melody. */
  plan: PlanMessage;
}

export interface PlanMessage {
  type: "plan";
  /** the last frame heard; -1 before the first. */
  frame: number;
  /** chords of frames before this one are final. */
  committed: number;
  /** in order of frame, perhaps none; those that are left out stay as they were. */
  chords: readonly Chord[];
}

export interface SettingsMessage {
  type: "settings";
  /** the first chord that is decided so. */
  frame: number;
  /** its name. */
  model: string;
  /** of the sampling. */
  temperature: number;
  /** frames ahead that are planned. */
  lookahead: number;
  /** how many of them are final. */
  commit: number;
}

export interface PongMessage {
  type: "pong";
  /** as it came. */
  t: number;
  /** milliseconds on the server's clock, whatever its zero. */
  server_time: number;
}

export interface ErrorMessage {
  type: "error";
  /** in plain words. */
  message: string;
}

export interface State {
  /** the melody's MIDI pitch, or null for a rest. */
  pitch: number | null;
  /** whether its note begins in this frame; otherwise it is held from the one before. */
  onset: boolean;
  /** what chord sounded, where it was not the committed one because that came late or was lost; the model then goes on from what was really heard. Null: as committed, or where nothing was, held. */
  chord?: Sounded | null;
}

export interface Sounded {
  /** a chord as a lead sheet names it, or null. */
  name: string | null;
  /** struck in this frame; otherwise it is held from the one before. */
  onset: boolean;
}

export interface Chord {
  /** the frame. */
  frame: number;
  /** struck in this frame; otherwise it is held from the one before. */
  onset: boolean;
  /** as a lead sheet names it; null is silence. */
  name: string | null;
  /** a voicing, MIDI pitches, the bass first. */
  notes: readonly number[];
}

export type ClientMessage = HelloMessage | MelodyMessage | SetMessage | PingMessage;
export type ServerMessage = ReadyMessage | PlanMessage | SettingsMessage | PongMessage | ErrorMessage;
