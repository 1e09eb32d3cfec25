import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Short files that run for long. Started last, one would keep a single worker busy while the others have ended. */
const LONG = [
  'libs/saga/src/step/permutations.int.test.ts',
  'libs/testing/src/trial/saga-trial.int.test.ts',
  'libs/testing/src/stack/embedded.int.test.ts',
  'libs/relay/src/window/ticks.int.test.ts',
  'libs/inbox/src/park/races.int.test.ts',
  'libs/kafka/src/drivers/kafkajs/kafkajs-broker.int.test.ts',
  'libs/kafka/src/drivers/platformatic/platformatic-broker.int.test.ts',
];

/** Vitest's order (the largest files first; the slowest, where an earlier run is known), with the long files at its head. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config;
    const long = LONG.map((file) => join(root, file));
    const gone = long.filter((file) => !existsSync(file));
    if (gone.length > 0)
      throw new Error(`test/longest-first.ts names files that do not exist: ${gone.join()}`);
    const order = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    const rank = ({ moduleId }: TestSpecification): number => (long.includes(moduleId) ? 0 : 1);
    return (await super.sort(files)).toSorted((a, b) => order(a) - order(b) || rank(a) - rank(b));
  }
}
