import { deterministicUuid } from '@convergekit/core';
import type { StepKey, Story } from '@convergekit/effects/engine';

export function formatStory({ saga, version, instance }: Story): string {
  return `${saga}/${version}/${instance}`;
}

const STORY = /^([^/]+)\/([1-9]\d{0,8})\/(.+)$/;

/** Undefined for what is not of a saga of the kit. */
export function parseStory(text: string | undefined): Story | undefined {
  const match = text === undefined ? null : STORY.exec(text);
  const [, saga, version, instance] = match ?? [];
  if (saga === undefined || instance === undefined) return undefined;
  return { saga, version: Number(version), instance };
}

/** The name under which a consumer registers that it has a part in a version of a saga. */
export function storyName({ saga, version }: Pick<Story, 'saga' | 'version'>): string {
  return `${saga}/${version}`;
}

/** What a step tells the others. */
export type Fact = 'success' | 'failure' | 'undone';

/**
 * The id of the event that tells a fact of a step: the same whatever brought it about and however often it is told. So the
 * id of the event that begins a step is known before it comes.
 */
export function factId({ saga, instance, step }: Omit<StepKey, 'version'>, fact: Fact): string {
  return deterministicUuid('saga', saga, instance, step, fact);
}

/** The id of the event that tells that a step waits for a person, or does so no longer. `seq`: of the journal. */
export function stuckId({ saga, instance, step }: Omit<StepKey, 'version'>, seq: number): string {
  return deterministicUuid('saga', saga, instance, step, 'stuck', seq);
}
