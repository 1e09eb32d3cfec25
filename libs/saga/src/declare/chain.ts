import type { EventDefinition } from '@convergekit/contracts';
import type { ReservedName } from './names.ts';
import type { SagaDeclaration, StepRef } from './declaration.ts';

/** The options of a step. `never`: its kind has no such event, or no reason. */
interface StepOptions<Success, IsCall, Failure, Undone> {
  /** The consumer that runs the step. */
  readonly by: string;
  /** The event that the step took effect, for which the next step waits. No other step uses this event. */
  readonly success: Success;
  /**
   * True where the step is a call to another system: then it may have taken effect although it failed, which the check and
   * the drawing of the saga show in every service. @default false
   */
  readonly call?: IsCall;
  /** The event that the step was refused without effect. @default only the dead letter reports it */
  readonly failure?: Failure;
  /** The event that the step is undone; the previous step is compensated next. @default `converge.step_undone` */
  readonly undone?: Undone;
}
type WithUndo<Success, IsCall, Failure, Undone> = StepOptions<Success, IsCall, Failure, Undone> & {
  /** Has no place here: a step with an undo needs no reason. @default none */
  readonly reason?: never;
};
type WithoutUndo<Success, IsCall, Failure, Undone> = StepOptions<Success, IsCall, Failure, Undone> & {
  /** The reason why there is nothing to undo, for readers of the saga. */
  readonly reason: string;
};

type Event = EventDefinition;
/** Members of a group before the pivot: with a `reason`, there is nothing to undo. */
type BeforeMember = WithUndo<Event, boolean, Event, Event> | WithoutUndo<Event, boolean, Event, Event>;
/** A step behind the pivot cannot fail: it is tried until it works. */
type AfterMember = WithUndo<Event, boolean, never, never>;

/** A new name, or the sentence that the compiler shows. */
type Free<Name extends string, Steps> = Name extends ReservedName
  ? `'${Name}' is a word of the builder: name the step otherwise`
  : Name extends keyof Steps
    ? `'${Name}' is a step of this saga already`
    : Name;
type FreeAll<Members, Steps> = {
  readonly [Name in keyof Members & string]: Name extends Free<Name, Steps> ? unknown : Free<Name, Steps>;
};

type Named<Name extends string, Ref> = Readonly<Record<Name, Ref>>;
type Definition<Member, Field extends string> =
  Member extends Readonly<Record<Field, infer Given extends Event>> ? Given : never;
type CallOf<Member> = Member extends { readonly call: infer Value extends boolean } ? Value : false;
type Success<Members> = { [Name in keyof Members]: Definition<Members[Name], 'success'> }[keyof Members];

type BeforeRefs<Members, Begin extends Event> = {
  readonly [Name in keyof Members]: StepRef<
    Begin,
    Definition<Members[Name], 'success'>,
    Definition<Members[Name], 'failure'>,
    Definition<Members[Name], 'undone'>,
    Members[Name] extends { readonly reason: string } ? 'withoutUndo' : 'compensatable',
    CallOf<Members[Name]>
  >;
};
type AfterRefs<Members, Begin extends Event> = {
  readonly [Name in keyof Members]: StepRef<
    Begin,
    Definition<Members[Name], 'success'>,
    never,
    never,
    'retriable',
    CallOf<Members[Name]>
  >;
};

/** The members of every saga. */
interface AnySaga<Steps, Begin extends Event> {
  /** The saga as plain data, for `checkGraph`, `drawSaga` and the service that observes it. */
  readonly declaration: SagaDeclaration;

  /** Adds a step that is retried until it succeeds. Only such steps may follow. */
  retriable<const Name extends string, Success extends Event, IsCall extends boolean = false>(
    name: Free<Name, Steps>,
    options: WithUndo<Success, IsCall, never, never>,
  ): SagaAfterPivot<Steps & Named<Name, StepRef<Begin, Success, never, never, 'retriable', IsCall>>, Success>;
}

/**
 * A saga as far as it is declared. Each method adds a stage and returns a new value; every value is a saga. Invalid
 * declarations throw SAGA_INVALID here, at import; faults that need the whole saga are found by `checkGraph`.
 */
export interface BeforePivot<Steps, Begin extends Event> extends AnySaga<Steps, Begin> {
  /** A step that can be undone. */
  compensatable<
    const Name extends string,
    Success extends Event,
    Undone extends Event = never,
    Failure extends Event = never,
    IsCall extends boolean = false,
  >(
    name: Free<Name, Steps>,
    options: WithUndo<Success, IsCall, Failure, Undone>,
  ): SagaBeforePivot<
    Steps & Named<Name, StepRef<Begin, Success, Failure, Undone, 'compensatable', IsCall>>,
    Success
  >;

  /** A step that leaves nothing to undo: it says why, and passes the undo on. */
  withoutUndo<
    const Name extends string,
    Success extends Event,
    Undone extends Event = never,
    Failure extends Event = never,
    IsCall extends boolean = false,
  >(
    name: Free<Name, Steps>,
    options: WithoutUndo<Success, IsCall, Failure, Undone>,
  ): SagaBeforePivot<
    Steps & Named<Name, StepRef<Begin, Success, Failure, Undone, 'withoutUndo', IsCall>>,
    Success
  >;

  /**
   * Steps that run side by side; the next stage begins when all have succeeded. When one fails the others are undone,
   * and the stage before is undone when none of them has an effect any more.
   */
  parallel<const Members extends Readonly<Record<string, BeforeMember>>>(
    members: Members & FreeAll<Members, Steps>,
  ): SagaBeforePivot<Steps & BeforeRefs<Members, Begin>, Success<Members>>;

  /** The last step that can fail. Behind it there is no way back: only retriable steps may follow. */
  pivot<
    const Name extends string,
    Success extends Event,
    Failure extends Event = never,
    IsCall extends boolean = false,
  >(
    name: Free<Name, Steps>,
    options: WithUndo<Success, IsCall, Failure, never>,
  ): SagaAfterPivot<Steps & Named<Name, StepRef<Begin, Success, Failure, never, 'pivot', IsCall>>, Success>;
}

/** The sentence that the compiler shows for a step that could need an undo behind the pivot. */
type BehindPivot =
  'behind the pivot there is no way back: declare this step before `.pivot(…)`, or make it `.retriable(…)`';

/** A saga behind the point from which there is no way back. */
export interface AfterPivot<Steps, Begin extends Event> extends AnySaga<Steps, Begin> {
  /** Does not compile: before the pivot alone. */
  compensatable(name: BehindPivot, options: unknown): SagaAfterPivot<Steps, Begin>;
  /** Does not compile: before the pivot alone. */
  withoutUndo(name: BehindPivot, options: unknown): SagaAfterPivot<Steps, Begin>;
  /** Does not compile: a saga has one pivot. */
  pivot(name: BehindPivot, options: unknown): SagaAfterPivot<Steps, Begin>;

  /** Retriable steps that run side by side; the next stage begins when all have succeeded. */
  parallel<const Members extends Readonly<Record<string, AfterMember>>>(
    members: Members & FreeAll<Members, Steps>,
  ): SagaAfterPivot<Steps & AfterRefs<Members, Begin>, Success<Members>>;
}

export type SagaBeforePivot<Steps, Begin extends Event> = BeforePivot<Steps, Begin> & Steps;
export type SagaAfterPivot<Steps, Begin extends Event> = AfterPivot<Steps, Begin> & Steps;
