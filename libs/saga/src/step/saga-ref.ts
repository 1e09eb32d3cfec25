import { deterministicUuid } from '@convergekit/core/engine';
import type { SagaRef, StepKey } from '../calls/work/step-key.ts';

export function formatSagaRef({ saga, version, instance }: SagaRef): string {
  return `${saga}/${version}/${instance}`;
}

const SAGA_REF = /^([^/]+)\/([1-9]\d{0,8})\/(.+)$/;

/** Parses a saga reference; undefined for events outside of the kit's sagas. */
export function parseSagaRef(text: string | undefined): SagaRef | undefined {
  const match = text === undefined ? null : SAGA_REF.exec(text);
  const [, saga, version, instance] = match ?? [];
  if (saga === undefined || instance === undefined) return undefined;
  return { saga, version: Number(version), instance };
}

/** Returns the name under which a consumer registers its part in a version of a saga. */
export function sagaVersionOf({ saga, version }: Pick<SagaRef, 'saga' | 'version'>): string {
  return `${saga}/${version}`;
}

/** The facts that a step emits. */
export type Fact = 'success' | 'failure' | 'undone';

/** Derives the id of a step's fact, whatever its cause: that of the event that begins a step is known before. */
export function factId({ saga, instance, step }: Omit<StepKey, 'version'>, fact: Fact): string {
  return deterministicUuid('saga', saga, instance, step, fact);
}

/** The id of the event by which a step is stuck, or released. `seq`: of the journal. */
export function stuckId({ saga, instance, step }: Omit<StepKey, 'version'>, seq: number): string {
  return deterministicUuid('saga', saga, instance, step, 'stuck', seq);
}
