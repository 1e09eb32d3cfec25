import { invalidInput, notFound } from '../errors.ts';
import { explain } from '@convergekit/cli/operate';
import { z } from 'zod';

/** The outcome of an action: what happened, in one sentence, how many things it changed, and the page that shows the result. */
export const outcomeSchema = z.object({ text: z.string(), changed: z.number().int(), href: z.string() });
export type Outcome = z.output<typeof outcomeSchema>;

/** An action that runs or has ended. */
export const runningSchema = z.object({
  id: z.string(),
  title: z.string(),
  user: z.string(),
  progress: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('runs'),
      done: z.number(),
      total: z.number().optional(),
      note: z.string().optional(),
    }),
    z.object({ kind: z.literal('ended'), outcome: outcomeSchema }),
    z.object({ kind: z.literal('failed'), message: z.string() }),
  ]),
});
export type RunningAction = z.output<typeof runningSchema>;
type Progress = RunningAction['progress'];

/** Reports how many of how many things are done, and what the action waits for. */
export type Report = (done: number, total?: number, note?: string) => void;

/** The actions that stay visible after their end. */
const KEPT = 200;
const MOST_AT_ONCE = 16;

/** The actions of this process that run or have ended. What they did is in the audit; this is their progress only. */
export class RunningActions {
  readonly #actions = new Map<string, RunningAction>();
  readonly #newId: () => string;
  readonly #ended = new Map<string, Promise<void>>();
  readonly #stops = new Map<string, AbortController>();

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Starts an action and returns its id at once. */
  start(
    { title, user }: Pick<RunningAction, 'title' | 'user'>,
    run: (report: Report, signal: AbortSignal) => Promise<Outcome>,
  ): string {
    if (this.#ended.size >= MOST_AT_ONCE)
      throw invalidInput(`${MOST_AT_ONCE} actions run already: wait for one of them`);
    const id = this.#newId();
    const set = (progress: Progress): void => void this.#actions.set(id, { id, title, user, progress });
    set({ kind: 'runs', done: 0, total: undefined });
    const stop = new AbortController();
    this.#stops.set(id, stop);
    const ended = run(
      (done, total, note) => set({ kind: 'runs', done, total, ...(note !== undefined && { note }) }),
      stop.signal,
    ).then(
      (outcome) => set({ kind: 'ended', outcome }),
      (error: unknown) => set({ kind: 'failed', message: explain(error).message }),
    );
    this.#ended.set(
      id,
      ended.finally(() => {
        this.#ended.delete(id);
        this.#stops.delete(id);
      }),
    );
    for (const old of [...this.#actions.keys()].slice(0, -KEPT))
      if (!this.#ended.has(old)) this.#actions.delete(old);
    return id;
  }

  get(id: string): RunningAction {
    const found = this.#actions.get(id);
    if (found !== undefined) return found;
    throw notFound('this console process has no such action: the audit has what was done');
  }

  /** Resolves when the action has ended, whether it failed or not. */
  async ended(id: string): Promise<void> {
    await this.#ended.get(id);
  }

  /** Asks an action to end between two of its things; one that has ended stays as it is. */
  stop(id: string): void {
    this.#stops.get(id)?.abort();
  }

  /** Stops all actions, and resolves when none runs any more. */
  async stopAll(): Promise<void> {
    for (const stop of this.#stops.values()) stop.abort();
    await Promise.all(this.#ended.values());
  }
}
