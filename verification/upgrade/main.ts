import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { withDrill } from '../drills/program.ts';
import { postgresPrograms, VERSIONS } from './installs.ts';
import { passed, upgrade, type UpgradeKind } from './upgrade.ts';

/** `make upgrade`: Postgres is replaced by its next major version under load. Exit code 0: nothing lost, doubled or reordered. */
const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '200' },
    only: { type: 'string', default: '' },
    /** Folders of programs, in place of the fetched ones. */
    old: { type: 'string' },
    new: { type: 'string' },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const programs = (given: string | undefined, version: string): Promise<string> =>
  given === undefined ? postgresPrograms(version, say) : Promise.resolve(resolve(given));
const bins = {
  old: await programs(values.old, VERSIONS.old),
  new: await programs(values.new, VERSIONS.new),
};
const kinds = (['pg_upgrade', 'replication'] satisfies UpgradeKind[]).filter((kind) =>
  kind.includes(values.only),
);
for (const kind of kinds) {
  say(`-- ${kind}`);
  const report = await withDrill((drill) => upgrade(kind, { ...drill, rate: Number(values.rate), bins }));
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (!passed(report)) process.exitCode = 1;
}
process.exit();
