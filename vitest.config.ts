import { availableParallelism } from 'node:os';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { Account } from './test/account.ts';
import { inEveryRun } from './test/every-run.ts';
import { LongestFirst } from './test/longest-first.ts';
import { PromiseReporter } from './test/promises.ts';
import { HangWatch } from './test/running.ts';
import { MissingTools, toolTags } from './test/tools.ts';

const roots = ['{libs,services}/*/src/**', 'schemas/src/**', '{verification,infra,docs,test}/**'];
const within = (suffix: string): string[] => roots.map((root) => `${root}/*${suffix}`);
const conditions = ['source', 'module', 'node', 'development|production'];
const never = ['**/node_modules/**', '**/dist/**', '**/.converge/**'];

/** Tests of servers and processes wait more than they compute: two at once leave a quarter of two cores idle. */
const WAITING_WORKERS = 3;
const UNIT_WORKERS = Math.max(2, availableParallelism() - 1);
/** Deadlines for what hangs, not limits on speed: tests pass on a machine under heavy load. */
const HANGS_MS = 300_000;

// Brokers of tests live for seconds or minutes: their start costs half the computing time without the second compiler.
process.env['JDK_JAVA_OPTIONS'] ??= '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC';

/** What `make verify` sets: the part whose tests run in place of the suite. `full` is the suite at full size. */
const part = process.env['CONVERGE_PART'];
const full = part === 'full';

/** A report of all tests as JSON, where its file is named. */
const outputFile = process.env['CONVERGE_REPORT'];
const report: ['json', { outputFile: string }][] = outputFile === undefined ? [] : [['json', { outputFile }]];

/** Tests on the real Postgres and the real Kafka of the run. Vitest refuses a group with different numbers of workers. */
const onStack = (name: string, suffix: string): TestProjectInlineConfiguration => ({
  extends: true,
  test: {
    name,
    include: within(suffix),
    exclude: never,
    globalSetup: ['./test/stack.setup.ts'],
    setupFiles: ['./test/databases.setup.ts'],
    maxWorkers: WAITING_WORKERS,
    sequence: { groupOrder: 1 },
  },
});

const suite: TestProjectInlineConfiguration[] = [
  {
    extends: true,
    test: {
      name: 'unit',
      include: within('.test.ts'),
      exclude: ['**/*.*.test.ts', ...never],
      // Vitest's default on two cores is one.
      maxWorkers: UNIT_WORKERS,
      sequence: { groupOrder: 0 },
    },
  },
  onStack('int', '.int.test.ts'),
  onStack('e2e', '.e2e.test.ts'),
];

/** The tests of a part of `make verify`: files with its name as their suffix, one by one, since each takes every core. */
const partOf = (name: string): TestProjectInlineConfiguration => {
  const project = onStack(name, `.${name}.test.ts`);
  return { ...project, test: { ...project.test, maxWorkers: 1, fileParallelism: false } };
};

export default defineConfig({
  plugins: [inEveryRun([new HangWatch(), ...(part === undefined ? [new PromiseReporter()] : [])])],
  // Tests are resolved by `ssr.resolve`, global set-up files by vitest's own environment; `resolve.conditions` is ignored.
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    env: {
      LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'fatal',
      // For the processes that tests start: one takes half the time when its code was compiled before.
      NODE_COMPILE_CACHE: `${import.meta.dirname}/node_modules/.cache/node-compile`,
    },
    provide: { full },
    tags: toolTags,
    reporters: ['default', ...report, new Account(), new MissingTools()],
    setupFiles: ['./test/file.setup.ts'],
    testTimeout: HANGS_MS * (part === undefined ? 1 : 3),
    hookTimeout: HANGS_MS,
    sequence: { sequencer: LongestFirst },
    // Files share the modules of their worker: loading them anew for each would take as long as most of them run.
    isolate: false,
    projects: part === undefined || full ? suite : [partOf(part)],
  },
});
