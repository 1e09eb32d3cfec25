import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts';
import { ConvergeError } from '@convergekit/core';
import { operation, type OperationDefinition, type SharedGuards } from '@convergekit/resilience';
import type { CallContext, Found } from '@convergekit/effects';
import { type Asks, decode, encode } from '@convergekit/effects/engine';
import { StackError } from './errors.ts';
import type { ForeignStep, StackStep, StackStepOptions, StoredStep, UndoAnswer } from './step.ts';

/** What an operation of a step is given: who is called, and the leave to send. */
interface Asked<Output> {
  readonly key: string;
  /** Called right before anything is sent; throws when it must not be sent any more. */
  readonly permit: () => void;
  readonly send: (context: CallContext) => Promise<Output>;
}

/** Declares a call to another system as a step of stacks. Throws STACK_INVALID here, at import. */
export function stackStep<In extends StandardSchema, Res extends StandardSchema>(
  options: StackStepOptions<In, Res>,
): StackStep<InferInput<In>, InferOutput<Res>> {
  const { settleMs = 0, check, idempotency, policy } = options;
  if (!(Number.isInteger(settleMs) && settleMs >= 0))
    throw new StackError('STACK_INVALID', `settleMs is ${settleMs}: give whole milliseconds from 0`);
  if (idempotency === 'none' && policy !== undefined && policy.attempts !== 1)
    throw new StackError(
      'STACK_INVALID',
      'a step that must not be repeated has one attempt: set attempts to 1',
    );
  return Object.freeze({
    bind: (name: string): ForeignStep => ({
      kind: 'foreign',
      name,
      idempotency,
      settleMs,
      canQuery: check !== undefined,
      planned:
        options.irreversible === undefined
          ? { kind: 'undo' }
          : { kind: 'irreversible', reason: options.irreversible },
      policyIn: (shared: Pick<SharedGuards, 'for'>) => policy ?? shared.for(name).policy,
      ...bound(name, options),
    }),
  });
}

function bound<In extends StandardSchema, Res extends StandardSchema>(
  name: string,
  options: StackStepOptions<In, Res>,
): Pick<ForeignStep, 'plan' | 'resultOf' | 'doing' | 'undoing'> {
  type Result = InferInput<Res>;
  // Schemas carry their types only by inference; what `decode` gives is the schema's own output.
  const intentSchema = options.intent as StandardSchema<unknown, InferOutput<In>>;
  const resultSchema = options.result as StandardSchema<unknown, InferOutput<Res>>;
  const intentOf = (text: string) => decode(intentSchema, text, `the stored intent of ${name}`);
  const resultOf = (text: string) => decode(resultSchema, text, `the result of ${name}`);
  const stored = (result: Result): string => encode(resultSchema, result, `the result of ${name}`, 'applied');
  const { call, undo, look } = operations<Result>(name, options);
  const found = async (
    guards: Parameters<Asks['query']>[0],
    key: string,
    intent: string,
    permit: () => void,
  ) =>
    look.run({ key, permit, send: (context) => checkOf(name, options)(intentOf(intent), context) }, guards);
  return {
    plan: (intent) => encode(intentSchema, intent, `the intent of ${name}`),
    resultOf,
    doing: ({ intent, key }) => ({
      call: async (guards, permit) =>
        stored(
          await call.run({ key, permit, send: (context) => options.do(intentOf(intent), context) }, guards),
        ),
      query: async (guards, permit) => {
        const there = await found(guards, key, intent, permit);
        return there.kind === 'applied' ? { kind: 'applied', result: stored(there.result) } : there;
      },
    }),
    undoing: ({ intent, key, result, reason }: StoredStep) => ({
      call: (guards, permit) => {
        const what = { intent: intentOf(intent), result: resultOf(result), reason };
        const send = async (context: CallContext): Promise<UndoAnswer> =>
          (await options.undo?.(what, context)) ?? 'done';
        return undo.run({ key: `${key}/undo`, permit, send }, guards);
      },
      query: async (guards, permit) => {
        const there = await found(guards, key, intent, permit);
        return there.kind === 'applied' ? { kind: 'not_found' } : { kind: 'applied', result: 'done' };
      },
    }),
  };
}

/** All three share the step's policy; a question may always be asked again. */
function operations<Result>(
  name: string,
  { idempotency, policy }: Pick<StackStepOptions<StandardSchema, StandardSchema>, 'idempotency' | 'policy'>,
) {
  const given = policy === undefined ? {} : { policy };
  const make = <Output>(suffix: string, repeats: typeof idempotency) => {
    type Definition = OperationDefinition<Asked<Output>, Output>;
    const call: Definition['call'] = ({ key, permit, send }, { signal, deadline, attempt }) => {
      permit();
      return send({ signal, deadline, attempt, idempotencyKey: key });
    };
    const common = { name: `${name}${suffix}`, ...given, call };
    return operation<Asked<Output>, Output>(
      repeats === 'keyed'
        ? { ...common, idempotency: repeats, key: ({ key }) => key }
        : { ...common, idempotency: repeats },
    );
  };
  return {
    call: make<Result>('', idempotency),
    undo: make<UndoAnswer>('.undo', idempotency),
    look: make<Found<Result>>('.check', 'idempotent'),
  };
}

function checkOf<In extends StandardSchema, Res extends StandardSchema>(
  name: string,
  { check }: StackStepOptions<In, Res>,
) {
  if (check !== undefined) return check;
  throw new ConvergeError(`${name} has no check`, {
    code: 'STACK_MISUSED',
    category: 'bug',
    certainty: 'not_applied',
  });
}
