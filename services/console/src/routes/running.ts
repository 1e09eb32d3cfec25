import { invalidInput, notFound } from '../errors.ts';
import { explain } from '@convergekit/operate/host';
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

interface Running {
  action: RunningAction;
  /** Resolves when it has ended, whether it failed or not. */
  ended: Promise<void>;
  readonly stop: AbortController;
}

const runs = ({ action }: Running): boolean => action.progress.kind === 'runs';

/** The actions of this process that run or have ended. What they did is in the audit; this is their progress only. */
export class RunningActions {
  readonly #actions = new Map<string, Running>();
  readonly #newId: () => string;

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Starts an action and returns its id at once. */
  start(
    { title, user }: Pick<RunningAction, 'title' | 'user'>,
    run: (report: Report, signal: AbortSignal) => Promise<Outcome>,
  ): string {
    if ([...this.#actions.values()].filter(runs).length >= MOST_AT_ONCE)
      throw invalidInput(`${MOST_AT_ONCE} actions run already: wait for one of them`);
    const id = this.#newId();
    const actionIn = (progress: Progress): RunningAction => ({ id, title, user, progress });
    const action = actionIn({ kind: 'runs', done: 0, total: undefined });
    const one: Running = { action, ended: Promise.resolve(), stop: new AbortController() };
    const set = (progress: Progress): void => void (one.action = actionIn(progress));
    this.#actions.set(id, one);
    one.ended = run(
      (done, total, note) => set({ kind: 'runs', done, total, ...(note !== undefined && { note }) }),
      one.stop.signal,
    ).then(
      (outcome) => set({ kind: 'ended', outcome }),
      (error: unknown) => set({ kind: 'failed', message: explain(error).message }),
    );
    for (const [old, ended] of [...this.#actions].slice(0, -KEPT))
      if (!runs(ended)) this.#actions.delete(old);
    return id;
  }

  get(id: string): RunningAction {
    const found = this.#actions.get(id);
    if (found !== undefined) return found.action;
    throw notFound('this console process has no such action: the audit has what was done');
  }

  /** Resolves when the action has ended, whether it failed or not. */
  async ended(id: string): Promise<void> {
    await this.#actions.get(id)?.ended;
  }

  /** Asks an action to end between two of its things; one that has ended stays as it is. */
  stop(id: string): void {
    this.#actions.get(id)?.stop.abort();
  }

  /** Stops all actions, and resolves when none runs any more. */
  async stopAll(): Promise<void> {
    const all = [...this.#actions.values()];
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }
}
