import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** What was done to the system, one JSON object a line, each written by one write: a run that dies leaves its history. */
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
