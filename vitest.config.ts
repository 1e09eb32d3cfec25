import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';
import { promises } from './test/promises.ts';

const roots = ['{libs,services}/*/src/**', 'schemas/src/**', '{verification,infra,docs,test}/**'];
const within = (suffix: string): string[] => roots.map((root) => `${root}/*${suffix}`);
const conditions = ['source', 'module', 'node', 'development|production'];
const never = ['**/node_modules/**', '**/dist/**', '**/.converge/**'];

/** Tests of servers and processes wait more than they compute: two at once leave a quarter of two cores idle. */
const WAITING_WORKERS = 3;
const UNIT_WORKERS = Math.max(2, availableParallelism() - 1);

// Brokers of tests live for seconds or minutes: their start costs half the computing time without the second compiler.
process.env['JDK_JAVA_OPTIONS'] ??= '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC';

export default defineConfig({
  plugins: [promises()],
  // Tests are resolved by `ssr.resolve`, global set-up files by vitest's own environment; `resolve.conditions` is ignored.
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    env: {
      LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'fatal',
      // For the processes that tests start: one takes half the time when its code was compiled before.
      NODE_COMPILE_CACHE: `${import.meta.dirname}/node_modules/.cache/node-compile`,
    },
    // `make verify` sets it: tests that repeat themselves do so at full size.
    provide: { full: process.env['CONVERGE_FULL'] === '1' },
    sequence: { sequencer: LongestFirst },
    // Files share the modules of their worker: loading them anew for each would take as long as most of them run.
    isolate: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: within('.test.ts'),
          exclude: ['**/*.{int,e2e}.test.ts', ...never],
          // A deadline for what hangs, not a limit on speed: the int tests run beside these.
          testTimeout: 120_000,
          // Vitest's default on two cores is one.
          maxWorkers: UNIT_WORKERS,
          // Vitest refuses a group of projects with different numbers of workers.
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'int',
          include: within('.int.test.ts'),
          exclude: never,
          globalSetup: ['./test/stack.setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 300_000,
          maxWorkers: WAITING_WORKERS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: within('.e2e.test.ts'),
          exclude: ['verification/**', ...never],
          globalSetup: ['./test/stack.setup.ts'],
          testTimeout: 900_000,
          hookTimeout: 300_000,
          maxWorkers: WAITING_WORKERS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          // Whole systems under load, each on servers of its own: each takes every core, so they run one by one after all others.
          name: 'campaigns',
          include: ['verification/**/*.e2e.test.ts'],
          exclude: never,
          testTimeout: 900_000,
          hookTimeout: 300_000,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
