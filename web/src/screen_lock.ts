/** Keeps the screen lit while it is wanted, where the browser can. */
export class ScreenLock {
  private wanted = false;
  private lock: WakeLockSentinel | null = null;

  constructor() {
    // The browser takes it away when the page is hidden.
    document.addEventListener("visibilitychange", () => void this.settle());
  }

  want(wanted: boolean): void {
    this.wanted = wanted;
    void this.settle();
  }

  private async settle(): Promise<void> {
    try {
      if (this.wanted && !document.hidden) this.lock = await navigator.wakeLock?.request("screen");
      if (!this.wanted) await this.lock?.release();
    } catch {
      // The battery is low, or the user does not want it: then it goes dark.
    }
  }
}
