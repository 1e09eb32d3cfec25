import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

/** Prints the modules that the import of a door loads, in a process of its own. */
const program = (door: string): string => `
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  await import('${door}');
  console.log(JSON.stringify(loaded));
  process.exit();`;

const known = new Map<string, readonly string[]>();

/** Lists the modules that the import of a door loads; one process for each door. */
function loadedBy(door: string): readonly string[] {
  const args = ['--conditions=source', '--input-type=module', '--eval', program(door)];
  const list = (): readonly string[] =>
    JSON.parse(
      execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' }),
    ) as readonly string[];
  const loaded = known.get(door) ?? list();
  known.set(door, loaded);
  return loaded;
}

// Planted faults: an outbox that imports the package of the pool loads Kysely; a service that imports its runner, the relay;
// a plan that imports the operators' door of sagas, all of their acts; a reconciler that imports its runner, its workers; a
// declared digest scan that imports the pass, its queries.
it.each([
  { door: '@convergekit/outbox', what: 'Kysely', not: '/node_modules/kysely/' },
  { door: 'convergekit', what: 'the relay', not: '/libs/relay/' },
  { door: 'convergekit', what: 'a driver of Kafka', not: '/libs/kafka/' },
  { door: 'convergekit', what: 'the local log', not: '/libs/local/' },
  { door: 'convergekit', what: 'the acts of operators', not: '/operate/index.ts' },
  { door: 'convergekit', what: 'the workers of reconcilers', not: '/libs/reconcile/src/workers.ts' },
  { door: 'convergekit', what: 'the queries of digests', not: '/libs/reconcile/src/digest/hash-sql.ts' },
  { door: './service/run-service.ts', what: 'the acts of operators', not: '/operate/index.ts' },
  {
    door: './service/run-service.ts',
    what: 'the runner of reconcilers',
    not: '/libs/reconcile/src/runner.ts',
  },
])('the import of $door loads without $what', ({ door, not }) => {
  const loaded = loadedBy(door);
  expect(loaded.length).toBeGreaterThan(50);
  expect(loaded.filter((url) => url.includes(not))).toEqual([]);
});

it('the import of a service loads at most 20 modules of reconcilers', () => {
  const loaded = loadedBy('convergekit').filter((url) => url.includes('/libs/reconcile/'));
  expect(loaded.length).toBeGreaterThan(10);
  expect(loaded.length).toBeLessThanOrEqual(20);
});
