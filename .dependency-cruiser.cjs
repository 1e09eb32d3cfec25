// The floors of the house: a package imports only from floors below its own (docs/architecture.md).
const floors = [
  ['core'],
  ['contracts', 'config', 'resilience'],
  ['telemetry', 'postgres', 'broker'],
  ['kafka', 'local', 'outbox'],
  ['relay', 'inbox'],
  ['saga', 'reconcile'],
  ['operate'],
  ['testing', 'cli'],
  ['kit', 'nest'],
];
const sideways = { local: ['kafka'], cli: ['testing'] };
// Tests and their fixtures use the test kit of floor 7; neither is published.
// Templates are services that users get.
const test = ['\\.test\\.ts$', '/src/fixture/', '^libs/cli/templates/'];
const lib = (names) => `^libs/(${names.join('|')})/`;

const floorRules = floors.flatMap((names, floor) =>
  names.map((name) => ({
    name: `floor-${floor}-${name}`,
    comment: `${name} (floor ${floor}) may import only from floors below it${sideways[name] ? ` and ${sideways[name].join(', ')}` : ''}`,
    severity: 'error',
    from: { path: `^libs/${name}/`, pathNot: test },
    to: {
      path: '^(libs|services|verification|infra|schemas)/',
      pathNot: lib([name, ...floors.slice(0, floor).flat(), ...(sideways[name] ?? [])]),
    },
  })),
);

module.exports = {
  forbidden: [
    ...floorRules,
    { name: 'no-cycle', severity: 'error', from: { pathNot: test }, to: { circular: true } },
    {
      name: 'drivers-in-their-packages',
      comment: 'pg, kafkajs and @platformatic/kafka are imported only by libs/postgres and libs/kafka',
      severity: 'error',
      from: { path: '^(libs|services|schemas)/', pathNot: ['^libs/(postgres|kafka)/', ...test] },
      to: { path: 'node_modules/(pg|kafkajs|@platformatic/kafka)/' },
    },
    {
      name: 'kafka-is-wired-at-the-top',
      comment:
        'libraries use the port, libs/broker; Kafka is opened by the choice of brokers, the cli, the services and the test kit',
      severity: 'error',
      from: { path: '^libs/', pathNot: ['^libs/(kafka|local/src/choose|operate|cli|kit|testing)/', ...test] },
      to: { path: '^libs/kafka/' },
    },
    {
      name: 'otel-sdk-in-one-file',
      severity: 'error',
      from: { pathNot: '^libs/telemetry/src/sdk\\.ts$' },
      to: { path: 'node_modules/@opentelemetry/sdk-' },
    },
    {
      name: 'services-apart',
      comment: 'Services never import each other, but what samples share (each is `run([...])` of the cli)',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: ['^services/$1/', '^services/common/'] },
    },
    {
      name: 'checker-stands-alone',
      severity: 'error',
      from: { path: '^verification/checker/' },
      to: { path: '^(libs|services)/' },
    },
    {
      name: 'declared',
      comment: 'what a package imports outside its tests stands in its own package.json',
      severity: 'error',
      from: { path: '^(libs|services|schemas)/', pathNot: test },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },
    {
      name: 'declarations-are-light',
      comment: 'a saga is declared without a database and a broker: schemas import it',
      severity: 'error',
      from: { path: '^libs/saga/src/declare/', pathNot: test },
      to: { pathNot: ['^libs/saga/src/(declare/|errors\\.ts$)', '^libs/(core|contracts|resilience)/'] },
    },
    {
      name: 'calls-below-sagas',
      comment: 'the worker of calls knows neither sagas nor workflows, and workflows know no sagas',
      severity: 'error',
      from: { path: '^libs/saga/src/(calls|workflow)/', pathNot: test },
      to: {
        path: '^libs/saga/src/',
        pathNot: ['^libs/saga/src/(calls/|errors\\.ts$|explain-missing\\.ts$)', '^libs/saga/src/$1/'],
      },
    },
    { name: 'unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'types', 'import', 'node', 'default'],
    },
  },
};
