import type { EventDefinition, ReceivedEvent } from '@convergekit/contracts';
import {
  type FailureData,
  failureEvent,
  type StepUndoneData,
  stepUndoneEvent,
  type StuckData,
  stuckEvent,
  WIRE,
} from '@convergekit/contracts/engine';
import { type SagaDeclaration, type StepDeclaration, stepsOf } from '../declare/declaration.ts';
import { startedVersion } from '../declare/starts.ts';
import { parseSagaRef } from '../step/saga-ref.ts';
import type { Fact, Evidence } from './facts.ts';

/** A fact about an instance. */
export interface Observed {
  readonly declaration: SagaDeclaration;
  readonly instance: string;
  readonly fact: Fact;
}

/** An event of sagas, and how to read its facts. */
export interface Source {
  readonly definition: EventDefinition;
  readonly read: (event: ReceivedEvent) => readonly Observed[];
}

/** Pure: everything that has to be listened to, each event once. */
export function sourcesOf(declarations: readonly SagaDeclaration[]): readonly Source[] {
  const events = declarations.flatMap((declaration) => [
    declaration.start,
    ...stepsOf(declaration).flatMap(({ success, failure, undone }) =>
      [success, failure, undone].filter((event) => event !== undefined),
    ),
  ]);
  const unique = new Map(events.map((event) => [`${event.topic} ${event.type}`, event]));
  const consumers = new Set(declarations.flatMap((one) => stepsOf(one).map(({ by }) => by)));
  return [
    ...[...unique.values()].map((definition) => ({
      definition,
      read: (event: ReceivedEvent) => readEvent(declarations, event),
    })),
    // `on` parses by the definition, so this is its data.
    ...[...consumers].flatMap((consumer): readonly Source[] => [
      {
        definition: failureEvent(consumer),
        read: (event) => readFailure(declarations, event as ReceivedEvent<FailureData>),
      },
      {
        definition: stepUndoneEvent(consumer),
        read: (event) => readUndone(declarations, event as ReceivedEvent<StepUndoneData>),
      },
      {
        definition: stuckEvent(consumer),
        read: (event) => readStuck(declarations, event as ReceivedEvent<StuckData>),
      },
    ]),
  ];
}

function readEvent(declarations: readonly SagaDeclaration[], event: ReceivedEvent): readonly Observed[] {
  const evidence = evidenceOf(event);
  const starts = startedBy(
    event,
    declarations.filter(({ start }) => start.type === event.type),
  ).map((declaration): Observed => ({ declaration, instance: event.id, fact: { kind: 'start', evidence } }));
  const ref = parseSagaRef(event.saga);
  if (ref === undefined) return starts;
  const ofStep = observed(declarations, { ...ref, name: ref.saga }, (declaration) =>
    stepsOf(declaration).flatMap((step) => factOf(step, event, evidence)),
  );
  return [...starts, ...ofStep];
}

function factOf(
  { name, success, failure, undone }: StepDeclaration,
  { type }: ReceivedEvent,
  evidence: Evidence,
): readonly Fact[] {
  switch (type) {
    case success.type:
      return [{ kind: 'success', step: name, evidence }];
    case undone?.type:
      return [{ kind: 'undone', step: name, evidence }];
    case failure?.type:
      return [
        {
          kind: 'failure',
          step: name,
          evidence: { ...evidence, certainty: 'not_applied', code: type, reason: '' },
        },
      ];
    default:
      return [];
  }
}

function readFailure(
  declarations: readonly SagaDeclaration[],
  event: ReceivedEvent<FailureData>,
): readonly Observed[] {
  const { saga, certainty, code, message } = event.data;
  // A cancellation that was refused is no failure of the step that refused it.
  if (saga?.op !== 'apply') return [];
  const evidence = { ...evidenceOf(event), certainty, code, reason: message };
  return observed(declarations, saga, () => [{ kind: 'failure', step: saga.step, evidence }]);
}

function readUndone(
  declarations: readonly SagaDeclaration[],
  event: ReceivedEvent<StepUndoneData>,
): readonly Observed[] {
  const { saga } = event.data;
  return observed(declarations, saga, () => [
    { kind: 'undone', step: saga.step, evidence: evidenceOf(event) },
  ]);
}

function readStuck(
  declarations: readonly SagaDeclaration[],
  event: ReceivedEvent<StuckData>,
): readonly Observed[] {
  const { saga, seq, is, reason } = event.data;
  const code = event.data.is === 'stuck' ? event.data.code : 'RELEASED';
  const evidence = { ...evidenceOf(event), seq, is, op: saga.op, code, reason };
  return observed(declarations, saga, () => [{ kind: 'stuck', step: saga.step, evidence }]);
}

/** Returns the facts about an instance; none of a saga that is not declared in its version. */
function observed(
  declarations: readonly SagaDeclaration[],
  { name, version, instance }: Pick<SagaDeclaration, 'name' | 'version'> & { readonly instance: string },
  factsOf: (declaration: SagaDeclaration) => readonly Fact[],
): readonly Observed[] {
  const declaration = declarations.find((one) => one.name === name && one.version === version);
  if (declaration === undefined) return [];
  return factsOf(declaration).map((fact) => ({ declaration, instance, fact }));
}

/** Returns the version that a start names, or else the newest declared one, as the consumers do. */
function startedBy(
  { headers }: ReceivedEvent,
  declarations: readonly SagaDeclaration[],
): readonly SagaDeclaration[] {
  return declarations.filter(({ name, version }) => {
    const started = startedVersion(headers[WIRE.sagaStart], name);
    if (started !== undefined) return version === started;
    return declarations.every((other) => other.name !== name || other.version <= version);
  });
}

function evidenceOf({ id, time }: ReceivedEvent): Evidence {
  return { event: id, at: time.toISOString() };
}
