import { interruption } from '../interrupt.ts';
import type { Defer } from './services.ts';

export interface Drill {
  readonly note: (line: string) => void;
  readonly defer: Defer;
}

/** Runs a drill and undoes what it started, also when it fails or is interrupted. */
export async function withDrill<T>(run: (drill: Drill) => Promise<T>): Promise<T> {
  const undo: (() => Promise<unknown>)[] = [];
  const signal = interruption();
  const note = (line: string): void => void process.stderr.write(`${line}\n`);
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  stopped.catch(() => undefined);
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  try {
    return await Promise.race([run({ note, defer: (one) => void undo.push(one) }), stopped]);
  } finally {
    for (const one of undo.reverse()) await one().catch((error: unknown) => note(String(error)));
  }
}
