import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withDrill } from '../drills/program.ts';
import { clusterSwitch, passed, type SwitchKind } from './cluster-switch.ts';

/** `make cluster-switch`: relay and consumers move to another Kafka cluster under load. Exit code 0: nothing lost, doubled or reordered. */
const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '200' },
    /** planned: the mirror is complete. lost: cluster A is killed, and the mirror lacks its end. */
    only: { type: 'string', default: '' },
  },
});
const kinds = (['planned', 'lost'] satisfies SwitchKind[]).filter((kind) => kind.includes(values.only));
const folder = join('.converge', 'cluster-switch');
mkdirSync(folder, { recursive: true });
for (const kind of kinds) {
  process.stderr.write(`-- ${kind}\n`);
  const report = await withDrill((drill) =>
    clusterSwitch(kind, { ...drill, rate: Number(values.rate), folder }),
  );
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (!passed(report)) process.exitCode = 1;
}
process.exit();
