import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts';
import type { Clock, Random } from '@convergekit/core';
import type { Database, Executor } from '@convergekit/postgres';
import {
  defaultSlowSchedule,
  operation,
  type Operation,
  type OperationGuards,
  type Policy,
  type SharedGuards,
  type SlowSchedule,
} from '@convergekit/resilience';
import type { Logger } from '@convergekit/telemetry';
import { EffectError } from '../errors.ts';
import type { StoredFailure, StuckReason } from '../work/work.ts';
import { decode, encode } from './stored.ts';
import type {
  EffectFailure,
  EffectIdempotency,
  EffectOptions,
  Found,
  Reactions,
  SettledContext,
} from './types.ts';

/** An intent, as operations take it. */
interface Intent<Input> {
  readonly input: Input;
  readonly idempotencyKey: string;
  /** Called right before anything is sent; throws when it must not be sent any more. */
  readonly permit: () => void;
}

/** What goes with a turn of the worker, in its transaction. */
export type HookTools<DB> = Pick<SettledContext<DB, never>, 'tx' | 'emit'>;

/** Where work waits for longer than its bound. */
export interface LateWork {
  /** `start`: no attempt was made · `call`, `query`: it fails · `settlement`: the outcome is known, what follows from it fails. */
  readonly at: 'start' | 'call' | 'query' | 'settlement';
  /** The last one. */
  readonly failure?: StoredFailure;
}

/** Deletes the records of runs that ended long ago. Resolves with the number of runs deleted. */
export type SweepRecords = <DB>(options: SweepOptions<DB>) => Promise<number>;

export interface SweepOptions<DB> {
  readonly database: Pick<Database<DB>, 'db' | 'executor'>;
  /** By the names of declared sagas: how long records stay after a run last moved. Those of others stay as by default. Milliseconds. */
  readonly keepMs: ReadonlyMap<string, number>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** An effect with its types erased down to the stored text: what the worker runs. Only `settled` makes these. */
export interface Effect<DB, Input = never> {
  readonly name: string;
  /** Of work of a saga's step: its saga, how long the worker's service keeps its records, and what deletes them. */
  readonly saga?: { readonly name: string; readonly keepMs: number; readonly sweep: SweepRecords };
  readonly idempotency: EffectIdempotency;
  readonly concurrency: number;
  readonly schedule: SlowSchedule;
  readonly settleMs: number;
  readonly canQuery: boolean;
  /** It must happen: what another effect would fail of is tried again, and shown as stuck. @default false */
  readonly endless?: boolean;
  /** Asked before a first call: why it is not to be made any more. */
  readonly covered?: (executor: Executor, input: string) => Promise<StoredFailure | undefined>;
  /** Goes with the row's becoming stuck, in one transaction. */
  readonly stuck?: (tools: HookTools<DB>, input: string, reason: StuckReason) => Promise<void>;
  /** Its work has waited for longer than its bound: written down, while it goes on being tried. False: that was known. */
  readonly late?: (tools: HookTools<DB>, input: string, late: LateWork) => Promise<boolean>;
  /** The call as an operation: its policy, and its recovery path for reports. */
  readonly operation: Pick<Operation<never, unknown>, 'name' | 'idempotency' | 'path'>;
  /** The policy that a run has now. */
  policyIn(shared: Pick<SharedGuards, 'for'>): Policy;
  /** Checks an intent. Throws a ContractError of category data. */
  plan(input: Input): { readonly input: string; readonly idempotencyKey: string | undefined };
  /** Brings a stored intent back to life. Throws when this version of the code cannot read it. */
  revive(stored: { readonly input: string; readonly idempotencyKey: string }): Revived<DB>;
}

export interface Revived<DB> {
  /** Resolves with the result as text. Rejects as the call did, or with RESULT_UNREADABLE when it does not fit. */
  call(guards: OperationGuards, permit: () => void): Promise<string>;
  query(guards: OperationGuards, permit: () => void): Promise<Found<string>>;
  succeeded(result: string, context: Omit<SettledContext<DB, never>, 'input'>): Promise<void>;
  failed(failure: EffectFailure, context: Omit<SettledContext<DB, never>, 'input'>): Promise<void>;
}

export interface DeclaredEffect<Input, Output, Result> {
  readonly name: string;
  /** Says what follows from the outcome, in the database that the intent stands in. */
  settled<DB>(reactions: Reactions<DB, Output, Result>): Effect<DB, Input>;
}

/** Work that must happen: no end, and not so slow that a dependency's return goes unnoticed for an hour. */
export const forEver: SlowSchedule = Object.freeze({
  ...defaultSlowSchedule,
  slow: Object.freeze({ ...defaultSlowSchedule.slow, capMs: 600_000 }),
  withinMs: Number.POSITIVE_INFINITY,
});

/** Declares a call to another system. Throws EFFECT_INVALID here, at import. */
export function defineEffect<In extends StandardSchema, Res extends StandardSchema>(
  options: EffectOptions<In, Res>,
): DeclaredEffect<InferInput<In>, InferOutput<In>, InferOutput<Res>> {
  check(options);
  return Object.freeze({
    name: options.name,
    settled: <DB>(reactions: Reactions<DB, InferOutput<In>, InferOutput<Res>>) => make(options, reactions),
  });
}

function make<DB, In extends StandardSchema, Res extends StandardSchema>(
  options: EffectOptions<In, Res>,
  reactions: Reactions<DB, InferOutput<In>, InferOutput<Res>>,
): Effect<DB, InferInput<In>> {
  type Input = InferOutput<In>;
  const { name, idempotency, concurrency = 8, schedule = forEver } = options;
  // Schemas carry their types only by inference; what `decode` gives is the schema's own output.
  const input = options.input as StandardSchema<unknown, Input>;
  const result = options.result as StandardSchema<unknown, InferOutput<Res>>;
  const { call, query } = operations(options);
  const what = `the result of ${name}`;
  return Object.freeze({
    name,
    idempotency,
    concurrency,
    schedule,
    settleMs: options.settleMs ?? 0,
    canQuery: options.query !== undefined,
    operation: call,
    policyIn: (shared: Pick<SharedGuards, 'for'>) => options.policy ?? shared.for(name).policy,
    plan: (wanted: InferInput<In>) => {
      const text = encode(input, wanted, `the input of ${name}`);
      return { input: text, idempotencyKey: options.key?.(decode(input, text, name)) };
    },
    revive: ({ input: text, idempotencyKey }: { input: string; idempotencyKey: string }): Revived<DB> => {
      const keyed = { input: decode(input, text, `the stored input of ${name}`), idempotencyKey };
      const settled = (context: Omit<SettledContext<DB, never>, 'input'>): SettledContext<DB, Input> => ({
        ...context,
        input: keyed.input,
      });
      return {
        call: async (guards, permit) =>
          encode(result, await call.run({ ...keyed, permit }, guards), what, 'applied'),
        query: async (guards, permit) => {
          const found = await query.run({ ...keyed, permit }, guards);
          return found.kind === 'applied'
            ? { kind: 'applied', result: encode(result, found.result, what, 'applied') }
            : found;
        },
        succeeded: async (stored, context) =>
          await reactions.succeeded(decode(result, stored, what), settled(context)),
        failed: async (failure, context) => await reactions.failed(failure, settled(context)),
      };
    },
  });
}

/** Both share a policy; a question may always be asked again. */
function operations<In extends StandardSchema, Res extends StandardSchema>(options: EffectOptions<In, Res>) {
  type Input = InferOutput<In>;
  const { name, idempotency } = options;
  const policy = options.policy === undefined ? {} : { policy: options.policy };
  const call = operation<Intent<Input>, InferInput<Res>>({
    name,
    ...declared(idempotency),
    ...policy,
    call: ({ input: wanted, idempotencyKey, permit }, { signal, deadline, attempt }) => {
      permit();
      return options.call(wanted, { signal, deadline, attempt, idempotencyKey });
    },
  });
  const query = operation<Intent<Input>, Found<InferInput<Res>>>({
    name: `${name}.query`,
    idempotency: 'idempotent',
    ...policy,
    call: ({ input: wanted, idempotencyKey, permit }, { signal, deadline, attempt }) => {
      permit();
      if (options.query === undefined) throw new TypeError(`${name} has no query`);
      return options.query(wanted, { signal, deadline, attempt, idempotencyKey });
    },
  });
  return { call, query };
}

function declared<Input>(idempotency: EffectIdempotency) {
  return idempotency === 'keyed'
    ? { idempotency, key: ({ idempotencyKey }: Intent<Input>) => idempotencyKey }
    : { idempotency };
}

type Checked = Pick<EffectOptions<StandardSchema, StandardSchema>, 'name' | 'settleMs' | 'concurrency'>;

function check({ name, settleMs, concurrency }: Checked): void {
  if (!/^[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$/.test(name) || name.length > 110)
    throw invalid(name, 'name', name, 'use lower-case words joined by dots, such as payments.charge');
  for (const [field, value] of Object.entries({ settleMs, concurrency })) {
    const least = field === 'concurrency' ? 1 : 0;
    if (value !== undefined && !(Number.isInteger(value) && value >= least))
      throw invalid(name, field, value, `give a whole number from ${least}`);
  }
}

function invalid(name: string, field: string, value: unknown, fix: string): EffectError {
  return new EffectError(
    'EFFECT_INVALID',
    `effect ${JSON.stringify(name)}: ${field} is ${JSON.stringify(value)}; ${fix}`,
  );
}
