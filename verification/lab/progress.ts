import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** The output of progress. A terminal gets one line that is rewritten, everything else a line every few seconds. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Progress {
  /** Prints a permanent line. */
  note: (text: string) => void;
  /** Shows the present state; the line may never be shown. */
  status: (text: string) => void;
  end: () => void;
}

export function progress(screen: Screen, now: () => number, everyMs = 5_000): Progress {
  const begin = now();
  let shown = Number.NEGATIVE_INFINITY;
  let dirty = false;
  const clock = (): string => `${((now() - begin) / 1_000).toFixed(0).padStart(3)} s`;
  const clear = (): void => {
    if (dirty) screen.write('\r\u001b[K');
    dirty = false;
  };
  return {
    note: (text) => {
      clear();
      screen.write(`${clock()}  ${text}\n`);
    },
    status: (text) => {
      const line = `${clock()}  ${text}`;
      if (screen.isTTY === true) {
        // Cut to the width: a line that wraps could not be rewritten.
        screen.write(`\r\u001b[K${line.slice(0, (screen.columns ?? 80) - 1)}`);
        dirty = true;
      } else if (now() - shown >= everyMs) {
        screen.write(`${line}\n`);
        shown = now();
      }
    },
    end: clear,
  };
}

/** The history of a run, one JSON object per line, each written by one write: a crashed run leaves it. */
export class History {
  readonly #file: string;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#file = join(folder, 'history.jsonl');
  }

  note(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    appendFileSync(this.#file, `${JSON.stringify({ at: new Date().toISOString(), event, ...fields })}\n`);
  }
}
