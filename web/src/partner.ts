/** The partner: who plays, how adventurously and how far ahead. Its controls, as a session is asked. */

import type { Wishes } from "./connection.js";
import type { Controls } from "./controls.js";
import { framesPerBar } from "./performance.js";
import type { ReadyMessage, SetMessage } from "./protocol.js";

export class Partner {
  private model: string | null = null;
  /** Whether the temperature is the user's, rather than the server's. */
  private temperatureChosen = false;

  constructor(
    private readonly controls: Controls,
    private readonly onChange: (setting: Omit<SetMessage, "type">) => void,
  ) {
    const { temperature, lookahead, commit } = controls;
    temperature.addEventListener("input", () => {
      this.temperatureChosen = true;
      onChange({ temperature: temperature.valueAsNumber });
    });
    for (const control of [lookahead, commit]) {
      control.addEventListener("change", () => onChange(this.reach));
    }
  }

  get wishes(): Wishes {
    const { temperature, listen, beatsPerBar } = this.controls;
    return {
      model: this.model,
      temperature: this.temperatureChosen ? temperature.valueAsNumber : null,
      ...this.reach,
      listen: Number(listen.value) * framesPerBar(beatsPerBar),
    };
  }

  /** All that may be set while it plays. */
  get settings(): Omit<SetMessage, "type"> {
    const { listen: _, ...settings } = this.wishes;
    return settings;
  }

  /** Sound may take seconds to wake after a session was asked for. */
  tellChangesSince(asked: Omit<SetMessage, "type">): void {
    const { settings } = this;
    if (JSON.stringify(settings) !== JSON.stringify(asked)) this.onChange(settings);
  }

  /** Who may be chosen, and what the server has chosen where the user has not. */
  show({ models, settings }: ReadyMessage): void {
    this.controls.setModels(models, this.model ?? settings.model, (model) => {
      this.model = model;
      this.onChange({ model });
    });
    if (!this.temperatureChosen) this.controls.setTemperature(settings.temperature);
  }

  /** Fixes more of the plan: how much, in words; null if there is no more. */
  fixMore(): string | null {
    const { commit } = this.controls;
    const more = commit.options[commit.selectedIndex + 1];
    if (!more) return null;
    commit.value = more.value; // not kept: another day the machine may be faster
    this.onChange(this.reach);
    return more.text;
  }

  private get reach(): { lookahead: number; commit: number } {
    const commit = Number(this.controls.commit.value);
    return { lookahead: Math.max(Number(this.controls.lookahead.value), commit), commit };
  }
}
