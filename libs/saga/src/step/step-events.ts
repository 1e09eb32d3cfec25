import type { EventDefinition } from '@convergekit/contracts';
import type { ConsumerDefinition } from '@convergekit/inbox';
import { membersOf } from './part.ts';

/** A step that a consumer includes, and the events that it emits besides the kit's own. */
export interface IncludedStep {
  readonly saga: string;
  readonly version: number;
  readonly name: string;
  readonly emits: readonly EventDefinition[];
}

/** Lists the saga steps that a consumer includes (pure). */
export function includedSteps<DB>({ parts }: Pick<ConsumerDefinition<DB>, 'parts'>): readonly IncludedStep[] {
  return membersOf(parts).map(({ step: { saga, version, name, success, failure, undone } }) => ({
    saga,
    version,
    name,
    emits: [success, failure, undone].filter((event) => event !== undefined),
  }));
}
