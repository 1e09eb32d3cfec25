import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

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
