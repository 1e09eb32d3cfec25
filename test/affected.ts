import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { startTestStack } from './stack.setup.ts';

/**
 * `make test ARGS="--affected"`: the tests of the projects that changed since `--base`, and of those that depend on
 * them. Nx decides which, and repeats none whose inputs are as they were. All of them share one Postgres and one Kafka.
 */
const { values } = parseArgs({
  options: {
    affected: { type: 'boolean' },
    /** A commit or a branch; what is not committed counts as changed. */
    base: { type: 'string', default: 'main' },
    /** Projects, in place of those that changed: `--projects @convergekit/reconcile`. */
    projects: { type: 'string' },
  },
});
const { projects, base } = values;
const which =
  projects === undefined ? ['affected', `--base=${base}`] : ['run-many', `--projects=${projects}`];

const stack = await startTestStack();
try {
  const servers = JSON.stringify({ databaseUrl: stack.databaseUrl, brokers: stack.brokers });
  const { status } = spawnSync('nx', [...which, '--target=test', '--parallel=1', '--output-style=static'], {
    stdio: 'inherit',
    env: { ...process.env, NODE_OPTIONS: '', CONVERGE_TEST_SERVERS: servers },
  });
  process.exitCode = status ?? 1;
} finally {
  await stack.stop();
}
