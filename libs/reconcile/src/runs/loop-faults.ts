/** A check for readiness. */
export interface LoopCheck {
  readonly ok: boolean;
  readonly detail?: string;
}

/** The last error of each loop of a reconciler, until that loop succeeds again. */
export class LoopFaults {
  readonly #faults = new Map<string, string>();

  failed(loop: string, detail: string): void {
    this.#faults.set(loop, detail);
  }

  succeeded(loop: string): void {
    this.#faults.delete(loop);
  }

  check(): LoopCheck {
    const [detail] = this.#faults.values();
    return detail === undefined ? { ok: true } : { ok: false, detail };
  }
}
