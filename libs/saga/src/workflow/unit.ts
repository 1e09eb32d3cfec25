import { classify } from '@convergekit/resilience';
import { stored } from '../calls/work/decide.ts';
import type { StoredFailure } from '../calls/work/work.ts';
import { isPlain, type Unit } from './define-workflow.ts';
import { intend, settle } from './do-step.ts';
import { isWithin } from './entry.ts';
import { StepFailed, Suspended } from './errors.ts';
import { SagaError } from '../errors.ts';
import type { AnyWorkflowStep } from './step.ts';
import { foldOf, record, type Turn } from './turn.ts';
import { beginUndo, unfold } from './unfold.ts';

/** The state that all units of one body share. */
export interface Body {
  readonly turn: Turn;
  readonly signal: AbortController;
  /** The number of steps that the body has reached: later entries of the journal are still to be replayed. */
  steps: number;
  /** The error set once the engine has ended the body: no code of it may act any more. */
  over?: Error;
}

/** A unit over the journal: ended steps answer from the journal, others are run. */
export class JournaledUnit implements Unit<Record<string, AnyWorkflowStep>> {
  readonly id: string;
  readonly #body: Body;
  readonly #path: string;
  readonly #names = new Map<string, number>();
  #busy: string | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(body: Body, path: string) {
    this.#body = body;
    this.#path = path;
    this.id = body.turn.journal.claim.id;
  }

  get signal(): AbortSignal {
    return this.#body.signal.signal;
  }

  step(name: string, intent: unknown): Promise<never> {
    return this.#alone(name, (path) => this.#step(name, path, intent)) as Promise<never>;
  }

  scope<T>(name: string, body: (inner: Unit<Record<string, AnyWorkflowStep>>) => Promise<T>): Promise<T> {
    return this.#alone(name, (path) => this.#scope(path, body));
  }

  /** Ends the unit: running work has ended, and none begins. Returns the error of a step that was not awaited. */
  async close(): Promise<SagaError | undefined> {
    this.#closed = true;
    const busy = this.#busy;
    await this.#running;
    return busy === undefined
      ? undefined
      : misused(`${busy} was still running when its unit ended: await everything that it does`);
  }

  /** Runs one action at a time, and none after the end: others are refused before anything is written. */
  async #alone<T>(name: string, act: (path: string) => Promise<T>): Promise<T> {
    if (this.#body.over !== undefined) throw this.#body.over;
    const where = this.#path === '' ? 'the unit' : `scope ${this.#path}`;
    if (!isPlain(name))
      throw misused(`${JSON.stringify(name)} is no name: use a lower-case word with dashes`);
    if (this.#closed) throw misused(`${name} came after the end of ${where}: await everything that it does`);
    if (this.#busy !== undefined)
      throw misused(
        `${name} began in ${where} while ${this.#busy} was running: await one before the next begins`,
      );
    this.#busy = name;
    const running = act(this.#pathOf(name));
    this.#running = running.catch(() => undefined);
    try {
      return await running;
    } catch (error) {
      if (error instanceof Suspended) this.#end(error);
      throw error;
    } finally {
      this.#busy = undefined;
    }
  }

  async #step(name: string, path: string, wanted: unknown): Promise<unknown> {
    const { turn } = this.#body;
    const bound = turn.workflow.steps.get(name);
    if (bound === undefined) throw misused(`${turn.workflow.name} declares no step ${name}`);
    const intent = bound.plan(wanted);
    const known = turn.journal.fold.steps[this.#body.steps];
    if (known !== undefined && (known.path !== path || known.intent !== intent))
      throw new Suspended(
        'code_changed',
        `the body came to ${path}, where it had come to ${known.path} before`,
      );
    if (known === undefined) await intend(turn, bound, path, intent);
    this.#body.steps += 1;
    const number = this.#body.steps;
    const isOpen = known === undefined || known.state === 'intended' || known.state === 'unknown';
    const cause = isOpen
      ? await settle(turn, bound, number, known === undefined ? 'fresh' : 'finish')
      : undefined;
    const { result, failure } = foldOf(turn, number);
    if (failure !== undefined) throw new StepFailed(path, failure, cause);
    return bound.resultOf(result ?? 'null');
  }

  async #scope<T>(
    path: string,
    body: (inner: Unit<Record<string, AnyWorkflowStep>>) => Promise<T>,
  ): Promise<T> {
    const { turn } = this.#body;
    const { journal } = turn;
    const known = journal.fold.scopes.get(path);
    if (known === undefined) await this.#write({ kind: 'scope', path });
    if (known?.failure !== undefined) return this.#afterUndo(path, known.failure);
    const inner = new JournaledUnit(this.#body, path);
    let returned: T;
    try {
      returned = await body(inner);
      const unawaited = await inner.close();
      if (unawaited !== undefined) throw unawaited;
    } catch (error) {
      // The scope's running work must have ended before the scope is undone.
      await inner.close();
      if (this.#body.over !== undefined) throw this.#body.over;
      const failure: StoredFailure = { ...stored(classify(error)), certainty: 'not_applied' };
      await beginUndo(turn, path, 'failure', failure);
      return this.#afterUndo(path, failure, error);
    }
    if (journal.fold.scopes.get(path)?.state === 'open') await this.#write({ kind: 'scope_done', path });
    return returned;
  }

  /** Undoes what is left of a scope that failed, and says so to its caller. */
  async #afterUndo(path: string, failure: StoredFailure, cause?: unknown): Promise<never> {
    const { turn } = this.#body;
    if (turn.journal.fold.scopes.get(path)?.state === 'compensating') await unfold(turn, path);
    const { steps } = turn.journal.fold;
    this.#body.steps = Math.max(
      this.#body.steps,
      steps.findLast((step) => isWithin(path, step.path))?.step ?? 0,
    );
    throw new StepFailed(path, failure, cause);
  }

  #write(entry: { readonly kind: 'scope' | 'scope_done'; readonly path: string }): Promise<void> {
    const { turn } = this.#body;
    if (this.#body.steps < turn.journal.fold.steps.length)
      throw new Suspended(
        'code_changed',
        `the body came to ${entry.path}, where it had come to a step before`,
      );
    return record(turn, entry);
  }

  #pathOf(name: string): string {
    const count = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, count);
    return `${this.#path === '' ? '' : `${this.#path}/`}${name}${count === 1 ? '' : `#${count}`}`;
  }

  #end(why: Suspended): void {
    this.#body.over ??= why;
    this.#body.signal.abort(why);
  }
}

function misused(what: string): SagaError {
  return new SagaError('WORKFLOW_MISUSED', what, { category: 'bug' });
}
