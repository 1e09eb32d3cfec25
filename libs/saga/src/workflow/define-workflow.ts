import type { InferInput, InferOutput, StandardSchema } from '@convergekit/contracts/engine';
import { decode, encode } from '../calls/declare/stored.ts';
import { DOTTED_NAME, invalidIn, SagaError } from '../errors.ts';
import type { Call } from '../calls/declare/define-call.ts';
import type { BoundStep, AnyWorkflowStep } from './step.ts';

/** The unit with which a body works, one thing at a time: steps are undone in the reverse of their order. */
export interface Unit<Steps> {
  /** The caller's id of this workflow. */
  readonly id: string;
  /** Aborts when the workflow goes on elsewhere: nothing that is done here counts any more. */
  readonly signal: AbortSignal;
  /** Runs a step, and resolves with its result. Rejects with StepFailed: it certainly had no effect. */
  step<Name extends keyof Steps & string>(
    name: Name,
    input: InputOf<Steps[Name]>,
  ): Promise<ResultOf<Steps[Name]>>;
  /** A unit in the unit. When its body throws, what was done in it is undone; then it rejects with StepFailed. */
  scope<T>(name: string, body: (inner: Unit<Steps>) => Promise<T>): Promise<T>;
}

type AnyStep = AnyWorkflowStep | Call<never, unknown, unknown, 'none'>;
export type InputOf<Step> = Step extends AnyWorkflowStep<infer Input> ? Input : never;
export type ResultOf<Step> = Step extends AnyWorkflowStep<never, infer Result> ? Result : never;

/**
 * The treatment of an interrupted workflow.
 * undo     the workflow is undone
 * resume   the body is run again, and steps that have ended answer from the journal; a body that takes another way than
 *          before is undone instead
 */
export type WorkflowRecovery = 'undo' | 'resume';

/** The sentence that the compiler shows at a step whose call has no undo. */
type Undoable<Steps> = {
  readonly [Name in keyof Steps]: Steps[Name] extends AnyWorkflowStep
    ? unknown
    : 'a step of a workflow needs a call with `compensate`, or with `irreversible` and the reason: give one to defineCall';
};

export interface WorkflowOptions<In extends StandardSchema, Res extends StandardSchema, Steps> {
  /** The schema of the stored input of the body. The output must read back unchanged. */
  readonly input: In;
  /** The schema of the body's stored result, under the same condition. */
  readonly result: Res;
  /** The steps by name. Their undo needs only stored data, so any process that declares the workflow can undo it. */
  readonly steps: Steps & Undoable<Steps>;
  /** The treatment of a workflow whose process died or lost its lease. @default 'undo' */
  readonly recovery?: WorkflowRecovery;
  /** The body. Under `resume`, equal results must lead to the same steps: no clock, no random between them. */
  readonly body: (unit: Unit<Steps>, input: InferOutput<In>) => Promise<InferInput<Res>>;
}

/** A workflow with its types erased, as the engine runs it. Only `defineWorkflow` makes these. */
export interface Workflow<Input = never, Result = unknown> {
  /** The name, which its rows and policies carry. */
  readonly name: string;
  /** The treatment of a workflow that was interrupted. */
  readonly recovery: WorkflowRecovery;
  /** The steps by name. */
  readonly steps: ReadonlyMap<string, BoundStep>;
  /** Checks what the caller gives. Throws a ContractError of category data. */
  plan(input: Input): string;
  /** Runs the body on a stored input, and returns the stored form of its result. */
  body(unit: Unit<Record<string, AnyWorkflowStep>>, input: string): Promise<string>;
  /** Reads a stored result. Throws when this version of the code cannot. */
  resultOf(text: string): Result;
}

/**
 * Declares calls and local steps that all take effect, or are undone together. Throws WORKFLOW_INVALID here, at import.
 * @param name stable and dotted, such as `tenants.provision`: rows and policies carry it
 * @example
 * ```ts
 * import { defineWorkflow } from 'convergekit';
 * import { z } from 'zod';
 * import { bookOrder, charge, order } from './shop.ts';
 *
 * export const buy = defineWorkflow('orders.buy', {
 *   input: order,
 *   result: z.object({ receipt: z.string() }),
 *   steps: { charge, bookOrder },
 *   body: async (unit, input) => {
 *     const { receipt } = await unit.step('charge', input);
 *     await unit.step('bookOrder', input); // when it fails, the charge is undone
 *     return { receipt };
 *   },
 * });
 * ```
 */
export function defineWorkflow<
  In extends StandardSchema,
  Res extends StandardSchema,
  const Steps extends Readonly<Record<string, AnyStep>>,
>(name: string, options: WorkflowOptions<In, Res, Steps>): Workflow<InferInput<In>, InferOutput<Res>> {
  const { recovery = 'undo', steps, body } = options;
  const invalid = invalidIn('workflow', name);
  if (!DOTTED_NAME.test(name) || name.length > 100)
    throw invalid('name', name, 'use lower-case words joined by dots, such as tenants.provision');
  for (const step of Object.keys(steps))
    if (!isPlain(step))
      throw invalid('a step', step, 'use a lower-case word with dashes, such as dns-record');
  if (Object.keys(steps).length === 0) throw invalid('steps', [], 'declare at least one');
  const input = options.input as StandardSchema<unknown, InferOutput<In>>;
  const result = options.result as StandardSchema<unknown, InferOutput<Res>>;
  return Object.freeze({
    name,
    recovery,
    steps: new Map(
      Object.entries<AnyStep>(steps).map(([step, made]) => [step, bind(`${name}.${step}`, made)]),
    ),
    plan: (given: InferInput<In>) => encode(input, given, `the input of ${name}`),
    // The erased unit checks at run time what the declared one lets through at compile time.
    body: async (unit: Unit<Record<string, AnyWorkflowStep>>, text: string) =>
      encode(
        result,
        await body(unit as unknown as Unit<Steps>, decode(input, text, `the stored input of ${name}`)),
        `the result of ${name}`,
      ),
    resultOf: (text: string) => decode(result, text, `the stored result of ${name}`),
  });
}

function bind(name: string, step: AnyStep): BoundStep {
  if (step.kind === 'local') return step.bind(name);
  const call = step.bind(name);
  const { planned } = call;
  if (planned !== undefined) return { ...call, planned, kind: 'external' };
  throw new SagaError(
    'WORKFLOW_INVALID',
    `step ${name}: its call ${step.name} has no undo; give it one, or say in irreversible why it cannot be undone`,
  );
}

/** A name that may stand in a path. */
export function isPlain(name: string): boolean {
  return /^[a-z][a-z0-9_-]*$/.test(name) && name.length <= 100;
}
