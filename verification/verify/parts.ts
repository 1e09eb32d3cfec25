/** A part of `make verify`: what the suite leaves out because it needs minutes, or a program that few machines have. */
export interface Part {
  readonly name: string;
  readonly shows: string;
  /** Nx projects: the part concerns a change of one of them. */
  readonly projects: readonly string[];
  /** Programs that it needs, each as a command that succeeds where it is there. @default none */
  readonly needs?: Readonly<Record<string, string>>;
  /** Commands, run in their order with a shell; the first that fails ends the part. */
  readonly steps: readonly string[];
}

const DOCKER = { 'a Docker engine': '.ci/engine --possible' };
const CHROMIUM = { chromium: 'chromium --version' };
const JAVA = { java: 'java -version', maven: 'mvn --version' };
const PGBOUNCER = { pgbouncer: 'pgbouncer --version' };
const PROMETHEUS = { prometheus: 'prometheus --version' };
/** The tests whose files have the part's name as suffix. */
const tests = (name: string): string => `CONVERGE_PART=${name} vitest run`;
/** A target that stays up until Ctrl-C: it prints `ready`, is up still, and leaves nothing behind. */
const staysUp = (target: string, ready: string): string =>
  `node verification/commands/stays-up.ts ${JSON.stringify(ready)} make --no-print-directory ${target}`;

export const parts: readonly Part[] = [
  {
    name: 'full',
    shows: 'tests that repeat themselves, at full size',
    projects: [
      '@convergekit/kafka',
      '@convergekit/relay',
      '@convergekit/inbox',
      '@convergekit/saga',
      '@convergekit/reconcile',
    ],
    steps: [`CONVERGE_PART=full vitest run $(git grep -l "inject('full')" -- '*.test.ts' ':!*kills.e2e*')`],
  },
  {
    name: 'kills',
    shows: 'a service that is killed at each of its failpoints',
    projects: ['@convergekit/inbox', '@convergekit/saga'],
    steps: ['CONVERGE_PART=full vitest run verification/promises/kills.e2e.test.ts'],
  },
  {
    name: 'campaigns',
    shows: 'whole systems under load and faults: the shop, its sagas, drift',
    projects: ['@convergekit/service-shop', '@convergekit/service-transfers'],
    needs: PROMETHEUS,
    steps: [tests('campaigns')],
  },
  {
    name: 'scenarios',
    shows: 'the scenarios of the shop but drift, each with its expectation and its invariants',
    projects: ['@convergekit/service-shop'],
    steps: [tests('scenarios')],
  },
  {
    name: 'demo',
    shows: 'the demo on Kafka and on Postgres alone, with its audits',
    projects: ['@convergekit/service-shop'],
    steps: ['make --no-print-directory demo', 'make --no-print-directory demo BROKER=local'],
  },
  {
    name: 'commands',
    shows: 'the targets of `make help` that no other part starts',
    projects: ['verification', '@convergekit/testing', '@convergekit/core'],
    steps: [
      'make --no-print-directory help',
      staysUp('dev', 'Ctrl-C stops everything'),
      staysUp('dev BROKER=local', 'Ctrl-C stops everything'),
      staysUp('stack', 'stack: up until Ctrl-C'),
      staysUp('registry', 'Ctrl-C ends it'),
      'make --no-print-directory console ARGS=--help',
      'make --no-print-directory outage ARGS="--seconds 5"',
      'make --no-print-directory soak ARGS="--minutes 1 --seed 1"',
      'make --no-print-directory sagas ARGS="--orders 50 --transfers 100 --seed 1"',
      'make --no-print-directory scenarios ARGS="--only calm"',
      'make --no-print-directory bench ARGS="--quick --only writer"',
      'make --no-print-directory build sbom',
      // They write what the tree has already.
      'make --no-print-directory schemas docs dashboards format',
      // In a clone: it removes what the other parts need.
      'rm -rf .converge/clone && git clone --quiet . .converge/clone && make --no-print-directory -C .converge/clone clean',
    ],
  },
  {
    name: 'drills',
    shows: 'restores, failovers and outages of servers under load',
    projects: ['@convergekit/relay', '@convergekit/inbox'],
    steps: [tests('drills')],
  },
  {
    name: 'cluster-brokers',
    shows: 'three brokers, of which one after the other is killed, frozen, emptied and moved under load',
    projects: ['@convergekit/kafka', '@convergekit/broker', '@convergekit/relay', '@convergekit/inbox'],
    needs: JAVA,
    steps: [tests('cluster-brokers')],
  },
  {
    name: 'cluster-standby',
    shows: 'a primary, its standby and a PgBouncer, which are killed, hang and are promoted under load',
    projects: ['@convergekit/postgres', '@convergekit/relay', '@convergekit/inbox', '@convergekit/saga'],
    needs: PGBOUNCER,
    steps: [tests('cluster-standby')],
  },
  {
    name: 'laboratory',
    shows: 'every workload under the faults that touch it, for some minutes',
    projects: ['@convergekit/relay', '@convergekit/inbox', '@convergekit/saga'],
    steps: ['make --no-print-directory lab ARGS="--preset quick --seed 1"'],
  },
  {
    name: 'browsers',
    shows: 'the console in a browser',
    projects: ['@convergekit/console'],
    needs: CHROMIUM,
    steps: [
      tests('browsers'),
      'make --no-print-directory console-screenshots ARGS="--folder .converge/screenshots"',
    ],
  },
  {
    name: 'console-bench',
    shows: 'the time of every page of the console over a million sagas and 100,000 dead letters',
    projects: ['@convergekit/console'],
    steps: ['make --no-print-directory console-bench'],
  },
  {
    name: 'packages',
    shows: 'the packed packages, installed outside of the repository',
    projects: ['convergekit', '@convergekit/cli', '@convergekit/nest'],
    steps: ['make --no-print-directory packages'],
  },
  {
    name: 'compare',
    shows: 'what users see of two builds is equal, and differs when a fault is planted in one',
    projects: ['convergekit'],
    steps: [
      'make --no-print-directory compare OLD=HEAD',
      'make --no-print-directory compare ARGS="--plant all"',
    ],
  },
  {
    name: 'quickstart',
    shows: 'the quickstart, the first screen of the README and the first sections of guides, as a newcomer',
    projects: ['convergekit', '@convergekit/cli'],
    steps: ['make --no-print-directory quickstart'],
  },
  {
    name: 'weight',
    shows: 'what a service weighs, beside DBOS, pg-boss and graphile-worker',
    projects: ['convergekit', '@convergekit/cli'],
    steps: ['make --no-print-directory weight'],
  },
  {
    name: 'containers',
    shows: 'the image, the compose file and the stack in Docker',
    projects: ['@convergekit/testing', '@convergekit/service-shop', 'infra'],
    needs: DOCKER,
    steps: [`CONVERGE_PART=containers .ci/engine vitest run`],
  },
  {
    name: 'quickstart-containers',
    shows: 'the Dockerfile and the compose file that `converge init` writes',
    projects: ['@convergekit/cli'],
    needs: DOCKER,
    steps: ['.ci/engine make --no-print-directory quickstart-containers'],
  },
  {
    name: 'prometheus',
    shows: 'every panel and alert beside a real Prometheus, through an outage',
    projects: ['@convergekit/telemetry', 'infra'],
    needs: PROMETHEUS,
    steps: ['make --no-print-directory dashboards-check'],
  },
  {
    name: 'observability',
    shows: 'the configuration of Prometheus and of the Collector, read by their own programs',
    projects: ['infra'],
    needs: { promtool: 'promtool --version', go: 'go version' },
    steps: ['make --no-print-directory observability'],
  },
  {
    name: 'chart',
    shows: 'the Helm chart and the workflows, validated by their own programs',
    projects: ['infra'],
    needs: { go: 'go version', python3: 'python3 --version' },
    steps: ['infra/helm/tools.sh', tests('chart')],
  },
  {
    name: 'upgrade',
    shows: 'Postgres moves to its next major version under load',
    projects: ['@convergekit/postgres'],
    steps: ['make --no-print-directory upgrade'],
  },
  {
    name: 'cluster-switch',
    shows: 'relay and consumers move to another Kafka cluster under load',
    projects: ['@convergekit/kafka'],
    steps: ['make --no-print-directory cluster-switch'],
  },
  {
    name: 'planted',
    shows: 'planted faults, each of which a test must see',
    projects: ['verification'],
    steps: ['make --no-print-directory planted'],
  },
  {
    name: 'models',
    shows: 'the models of ticks, leases, slices and steps in TLC, and controls that break each invariant',
    projects: ['@convergekit/relay', '@convergekit/inbox', '@convergekit/saga', '@convergekit/postgres'],
    needs: JAVA,
    steps: ['make --no-print-directory models'],
  },
];
