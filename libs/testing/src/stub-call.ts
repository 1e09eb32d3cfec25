import { BusinessRejection, type Clock, ConvergeError, systemClock } from '@convergekit/core';
import type { Found, CompensationAnswer, Compensation } from '@convergekit/saga';

/**
 * The behaviour of the next call.
 * ok                     it takes effect, and is answered
 * rejected               the declared "no", without effect
 * not_applied            it fails, certainly without effect
 * applied                it takes effect, and fails with that certainty
 * unknown_applied        it takes effect, and its answer is lost
 * unknown_not_applied    it is lost on its way
 * late                   its answer is lost, and it takes effect at `arrive`
 */
export type StubBehaviour =
  'ok' | 'rejected' | 'not_applied' | 'applied' | 'unknown_applied' | 'unknown_not_applied' | 'late';

/** A call that took effect, as the other company's books have it. */
export interface LedgerEntry<Input, Result> {
  /** The idempotency key of the call. */
  readonly key: string;
  /** The input of the call. */
  readonly input: Input;
  /** The answer, as `answer` made it. */
  readonly result: Result;
  /** True once an undo took effect. */
  readonly undone: boolean;
}

interface StubContext {
  /** The idempotency key, by which the stub drops repeats. */
  readonly idempotencyKey: string;
  /** Ends the wait of `delayMs`; absent: nothing does. */
  readonly signal?: AbortSignal;
}

export interface StubHandlers<Input, Result> {
  /** Makes the call, as the next behaviour says. */
  readonly call: (input: Input, context: StubContext) => Promise<Result>;
  /** Looks up a call by its key: what the ledger says. */
  readonly query: (input: Input, context: StubContext) => Promise<Found<Result>>;
  /** Undoes the call with the key `call.key`. Rejects with STUB_UNKNOWN_KEY when no call with that key took effect. */
  readonly compensate: (
    what: { readonly call: Pick<Compensation<Input, Result>['call'], 'key'> },
    context: { readonly undoKey: string },
  ) => Promise<CompensationAnswer>;
}

export interface StubOptions<Input, Result> {
  /** The answer to a call. May throw a BusinessRejection. */
  readonly answer: (input: Input) => Result;
  /** False for a provider that does a repeated key again. @default true */
  readonly keyed?: boolean;
  /** The time of each call, in milliseconds. @default 0 */
  readonly delayMs?: number;
  /** The clock of `delayMs`; a test gives a manual one. @default the system's clock */
  readonly clock?: Clock;
}

export interface StubCall<Input, Result> extends StubHandlers<Input, Result> {
  /** The functions of a `defineCall`: `defineCall(name, { …, ...bank.handlers })`. */
  readonly handlers: StubHandlers<Input, Result>;
  /** Sets the behaviour of the next calls, one each. */
  next(...behaviours: readonly StubBehaviour[]): void;
  /** Sets the behaviour of all calls after those. */
  always(behaviour: StubBehaviour): void;
  /** Lets the late calls arrive. */
  arrive(): void;
  /** The calls that took effect, in order. With `keyed`, a key has one. */
  ledger(): readonly LedgerEntry<Input, Result>[];
  /** The number of calls that were made, those without effect included. */
  readonly made: number;
}

/**
 * Creates a stub of another company: calls by idempotency key, with a ledger of what took effect.
 * @example
 * ```ts
 * import { stubCall } from '@convergekit/testing';
 * import type { Order } from './shop.ts';
 *
 * const bank = stubCall({ answer: ({ orderId }: Order) => ({ receipt: `r-${orderId}` }) });
 * bank.next('unknown_applied'); // the charge takes effect, and the answer is lost
 * await bank.call({ orderId: 'o-1', cents: 4_999 }, { idempotencyKey: 'k-1' }).catch(() => undefined);
 * console.log(bank.ledger()); // one charge
 * ```
 */
export function stubCall<Input, Result>({
  answer,
  keyed = true,
  delayMs = 0,
  clock = systemClock,
}: StubOptions<Input, Result>): StubCall<Input, Result> {
  const ledger = new StubLedger(answer, keyed);
  const refused = new Map<string, string>();
  const queued: StubBehaviour[] = [];
  const late: (() => void)[] = [];
  let usual: StubBehaviour = 'ok';
  let made = 0;
  const handlers: StubHandlers<Input, Result> = {
    call: async (input, { idempotencyKey: key, signal }) => {
      made += 1;
      const behaviour = queued.shift() ?? usual;
      if (delayMs > 0) await clock.sleep(delayMs, signal);
      if (behaviour === 'rejected') {
        refused.set(key, REFUSED);
        throw new BusinessRejection(REFUSED, { code: 'STUB_REJECTED' });
      }
      if (behaviour === 'late') late.push(() => void ledger.take(key, input));
      if (behaviour !== 'ok' && behaviour !== 'applied' && behaviour !== 'unknown_applied')
        throw failureOf(behaviour);
      const result = ledger.take(key, input);
      if (behaviour !== 'ok') throw failureOf(behaviour);
      return result;
    },
    query: (_, { idempotencyKey: key }) => {
      const entry = ledger.find(key);
      if (entry !== undefined) return Promise.resolve({ kind: 'applied', result: entry.result });
      const reason = refused.get(key);
      return Promise.resolve(reason === undefined ? { kind: 'not_found' } : { kind: 'rejected', reason });
    },
    compensate: ({ call }, { undoKey }) => new Promise((resolve) => resolve(ledger.undo(call.key, undoKey))),
  };
  return {
    ...handlers,
    handlers,
    next: (...behaviours) => void queued.push(...behaviours),
    always: (behaviour) => void (usual = behaviour),
    arrive: () => late.splice(0).forEach((act) => act()),
    ledger: () => ledger.entries.map((entry) => ({ ...entry })),
    get made() {
      return made;
    },
  };
}

/** The effects by idempotency key. */
class StubLedger<Input, Result> {
  readonly entries: { key: string; input: Input; result: Result; undone: boolean }[] = [];
  readonly #answer: (input: Input) => Result;
  readonly #keyed: boolean;

  constructor(answer: (input: Input) => Result, keyed: boolean) {
    this.#answer = answer;
    this.#keyed = keyed;
  }

  find(key: string) {
    return this.entries.find((entry) => entry.key === key);
  }

  take(key: string, input: Input): Result {
    const known = this.#keyed ? this.find(key) : undefined;
    if (known !== undefined) return known.result;
    const result = this.#answer(input);
    this.entries.push({ key, input, result, undone: false });
    return result;
  }

  undo(key: string, undoKey: string): CompensationAnswer {
    const entry = this.find(key);
    if (entry === undefined) throw unknownKey(key, undoKey);
    if (entry.undone) return 'noop_already';
    entry.undone = true;
    return 'done';
  }
}

const REFUSED = 'the stub says no';

/** A real provider would answer something harmless, and the effect would stay: the worker undoes only what took effect. */
function unknownKey(key: string, undoKey: string): ConvergeError {
  const whose = key === undoKey ? "the undo's own key" : 'the key of no call that took effect';
  return new ConvergeError(
    `the stub has no effect with the key ${key} (${whose}): an undo names the effect by \`call.key\`, and \`undoKey\` is for the request itself`,
    { code: 'STUB_UNKNOWN_KEY', category: 'bug', certainty: 'not_applied' },
  );
}

function failureOf(behaviour: Exclude<StubBehaviour, 'ok' | 'rejected'>): ConvergeError {
  switch (behaviour) {
    case 'not_applied':
    case 'applied':
      return new ConvergeError(`the stub fails (${behaviour})`, {
        code: 'STUB_FAILED',
        category: 'service',
        certainty: behaviour,
      });
    case 'late':
    case 'unknown_applied':
    case 'unknown_not_applied':
      return new ConvergeError('the stub loses a message', {
        code: 'STUB_LOST',
        category: 'network',
        certainty: 'unknown',
      });
  }
}
