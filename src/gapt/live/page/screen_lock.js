/** Keeps the screen lit while it is wanted, where the browser can. */
export class ScreenLock {
    wanted = false;
    lock = null;
    constructor() {
        // The browser takes it away when the page is hidden.
        document.addEventListener("visibilitychange", () => void this.settle());
    }
    want(wanted) {
        this.wanted = wanted;
        void this.settle();
    }
    async settle() {
        try {
            if (this.wanted && !document.hidden)
                this.lock = await navigator.wakeLock?.request("screen");
            if (!this.wanted)
                await this.lock?.release();
        }
        catch {
            // The battery is low, or the user does not want it: then it goes dark.
        }
    }
}
