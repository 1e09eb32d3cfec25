import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts/engine';
import { defaultSlowSchedule } from '@convergekit/resilience/engine';
import {
  deadlineHeaders,
  operation,
  type OperationDefinition,
  type Policy,
  type SharedGuards,
  type SlowSchedule,
} from '@convergekit/resilience';
import { attributeNames, inAttempt, injectTrace } from '@convergekit/telemetry/engine';
import type { CallHandle } from '../work/worker-call.ts';
import { SagaError } from '../../errors.ts';
import type { Quota } from '../quota/quota.ts';
import { decode, encode } from './stored.ts';
import type {
  CallContext,
  CallIdempotency,
  CallOptions,
  Found,
  PlannedUndo,
  CompensationAnswer,
  UndoCall,
  UndoReason,
} from './types.ts';

/**
 * The schedule of work that must succeed: it has no end. Its cap is low enough to notice a dependency's return soon.
 */
export const forEver: SlowSchedule = Object.freeze({
  ...defaultSlowSchedule,
  slow: Object.freeze({ ...defaultSlowSchedule.slow, capMs: 600_000 }),
  withinMs: Number.POSITIVE_INFINITY,
});

/** A planned call. Each attempt reads the fields, so an input that this code cannot read fails the attempt. */
export interface PlannedCall {
  /** Reads the input, with its type erased: the call's own schema created it. */
  readonly input: () => never;
  /** Reads the idempotency key. */
  readonly key: () => string;
}

/** A call that took effect and is to be undone. */
export interface AppliedCall extends PlannedCall {
  /** The result, as it was stored. */
  readonly result: string | undefined;
  /** The reason why it is undone. */
  readonly reason: UndoReason;
  /** The idempotency key of the undo, equal for every attempt. */
  readonly undoKey: string;
}

/** A call under the name of one use, for policies, breakers, spans and metrics. */
export interface BoundCall {
  /** The name of the use, such as `<workflow>.<step>`. */
  readonly name: string;
  /** The name of the call itself. */
  readonly call: string;
  /** The effect of repeating the call. */
  readonly idempotency: CallIdempotency;
  /** The maximum of concurrent calls in one process. */
  readonly concurrency: number;
  /** The calls that the other system allows; undefined: no limit is known. */
  readonly quota: Quota | undefined;
  /** The waits between runs of attempts. */
  readonly schedule: SlowSchedule;
  /** The milliseconds until a call that was sent is visible to a query. */
  readonly settleMs: number;
  /** True where the outcome of a call can be looked up. */
  readonly canQuery: boolean;
  /** The planned undo. Undefined: the call was declared without one. */
  readonly planned: PlannedUndo | undefined;
  /** The policy that is fixed in code. */
  readonly fixedPolicy: Policy | undefined;
  /** Returns the policy that applies now. */
  readonly policyIn: (shared: Pick<SharedGuards, 'for'>) => Policy;
  /** Checks an input, and returns its stored form. Throws a ContractError of category data. */
  plan(input: unknown): string;
  /** Reads a stored input, and a stored result. Throws when this version of the code cannot. */
  inputOf(text: string): never;
  /** Reads a stored result. Throws when this version of the code cannot. */
  resultOf(text: string): unknown;
  /** The declared idempotency key of an input. */
  keyOf(input: unknown): string | undefined;
  /** Returns the functions that make the planned call and look it up. */
  handleOf(planned: PlannedCall): CallHandle;
  /** Returns the undo of a call: its call gives an CompensationAnswer, its query says `applied` when the effect is gone. */
  undoing(applied: AppliedCall): CallHandle;
}

/** Returns what a use of a call takes over from it. */
export function usageOf(call: BoundCall) {
  const { name, call: callName, idempotency, concurrency, quota, schedule } = call;
  const { settleMs, canQuery, policyIn } = call;
  return { name, call: callName, idempotency, concurrency, quota, schedule, settleMs, canQuery, policyIn };
}

/** Returns the name of a call's query, for its breaker and its policy. */
export function queryName(use: string): string {
  return `${use}.query`;
}

export interface DeclaredUndo<In extends StandardSchema, Res extends StandardSchema> {
  readonly compensate?: UndoCall<In, Res> | undefined;
  readonly irreversible?: string | undefined;
}

type QueryArguments = Parameters<CallHandle['query']>;

export function bindCall<In extends StandardSchema, Res extends StandardSchema>(
  use: string,
  name: string,
  options: CallOptions<In, Res> & DeclaredUndo<In, Res>,
  undoName = `${use}.undo`,
): BoundCall {
  const { idempotency, concurrency = 8, quota, schedule = forEver, settleMs = 0, policy, query } = options;
  const { stored, ...texts } = textsOf(use, options);
  const run = operations<InferInput<Res>>(use, undoName, options);
  const lookUp = (asked: typeof run.query, planned: PlannedCall, ...[guards, permit]: QueryArguments) => {
    const send = (context: Omit<CallContext, 'idempotencyKey'>) => {
      if (query === undefined) throw noQuery(use);
      return query(planned.input(), { ...context, idempotencyKey: planned.key() });
    };
    return asked.run({ permit, send }, guards);
  };
  const handleOf = (planned: PlannedCall): CallHandle => ({
    call: async (guards, permit) => {
      const send = (context: Omit<CallContext, 'idempotencyKey'>) =>
        options.call(planned.input(), { ...context, idempotencyKey: planned.key() });
      return stored(await run.call.run({ permit, send }, guards));
    },
    query: async (guards, permit) => {
      const found = await lookUp(run.query, planned, guards, permit);
      return found.kind === 'applied' ? { kind: 'applied', result: stored(found.result) } : found;
    },
  });
  const undoing = ({ result, reason, undoKey, ...planned }: AppliedCall): CallHandle => ({
    call: (guards, permit) => {
      const send = async (context: Omit<CallContext, 'idempotencyKey'>): Promise<CompensationAnswer> => {
        const known = result === undefined ? undefined : texts.resultOf(result);
        const what = { input: planned.input(), call: { key: planned.key(), result: known }, reason };
        return (await options.compensate?.(what, { ...context, undoKey })) ?? 'done';
      };
      return run.undo.run({ permit, send }, guards);
    },
    query: async (guards, permit) => {
      const found = await lookUp(run.undoQuery, planned, guards, permit);
      return found.kind === 'applied' ? { kind: 'not_found' } : { kind: 'applied', result: 'done' };
    },
  });
  return Object.freeze({
    name: use,
    call: name,
    idempotency,
    concurrency,
    quota,
    schedule,
    settleMs,
    canQuery: query !== undefined,
    planned: plannedOf(options),
    fixedPolicy: policy,
    policyIn: (shared: Pick<SharedGuards, 'for'>) => policy ?? shared.for(use).policy,
    ...texts,
    handleOf,
    undoing,
  });
}

/** Reads and writes the inputs and results of a call by its schemas. */
function textsOf<In extends StandardSchema, Res extends StandardSchema>(
  use: string,
  options: CallOptions<In, Res>,
) {
  type Input = InferOutput<In>;
  // The cast restores the types, which schemas carry only by inference; `decode` returns the schema's own output.
  const inputs = options.input as StandardSchema<unknown, Input>;
  const results = options.result as StandardSchema<unknown, InferOutput<Res>>;
  return {
    plan: (input: unknown) => encode(inputs, input, `the input of ${use}`),
    inputOf: (text: string) => decode(inputs, text, `the stored input of ${use}`) as never,
    resultOf: (text: string) => decode(results, text, `the result of ${use}`),
    stored: (result: unknown): string => encode(results, result, `the result of ${use}`, 'applied'),
    keyOf: (input: unknown) => options.key?.(input),
  };
}

function plannedOf({
  compensate,
  irreversible: reason,
}: {
  readonly compensate?: unknown;
  readonly irreversible?: string | undefined;
}): PlannedUndo | undefined {
  if (reason !== undefined) return { kind: 'irreversible', reason };
  return compensate === undefined ? undefined : { kind: 'undo' };
}

/** The arguments of an operation of a call. */
interface Sending<Output> {
  /** Called right before anything is sent; throws when it must not be sent any more. */
  readonly permit: () => void;
  readonly send: (context: Omit<CallContext, 'idempotencyKey'>) => Promise<Output>;
}

/** Call, query and undo share the call's policy, and call and undo its idempotency. A query may always be repeated. */
function operations<Result>(
  use: string,
  undoName: string,
  { idempotency, policy }: Pick<CallOptions<StandardSchema, StandardSchema>, 'idempotency' | 'policy'>,
) {
  const given = policy === undefined ? {} : { policy };
  const make = <Output>(name: string, repeats: CallIdempotency, of = name) => {
    type Definition = OperationDefinition<Sending<Output>, Output>;
    const labels = { [attributeNames.call]: of };
    const call: Definition['call'] = ({ permit, send }, { signal, deadline, attempt }) => {
      permit();
      return inAttempt({ name, number: attempt, labels }, () =>
        send({ signal, deadline, attempt, headers: headersFor(deadline) }),
      );
    };
    const common = { name, ...given, call };
    return operation<Sending<Output>, Output>(
      // `send` passes the key itself, since it may depend on an input that cannot be read.
      repeats === 'keyed'
        ? { ...common, idempotency: repeats, key: () => use }
        : { ...common, idempotency: repeats },
    );
  };
  return {
    call: make<Result>(use, idempotency),
    query: make<Found<Result>>(queryName(use), 'idempotent', use),
    undo: make<CompensationAnswer>(undoName, idempotency),
    // Under the name by which a claim looks at its breaker.
    undoQuery: make<Found<Result>>(queryName(undoName), 'idempotent', undoName),
  };
}

/** The headers that take the trace and the deadline of an attempt to the other system. Never the baggage. */
function headersFor(deadline: Date): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { ...deadlineHeaders(deadline) };
  injectTrace(headers);
  return headers;
}

function noQuery(use: string): SagaError {
  return new SagaError('CALL_INVALID', `${use} has no query: declare one`);
}
