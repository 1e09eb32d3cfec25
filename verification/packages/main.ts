/**
 * Packs every package, installs the tarballs outside the repository as a user would, and runs what a user runs first.
 * Prints sizes and counts, and fails over the limits. `make packages`; with `ARGS=--all` also the newest Nest and AWS's signer.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freshDatabase, startStack } from '@convergekit/testing';
import { packAll } from '../../infra/packages/stage.ts';
import { root } from '../../infra/packages/workspaces.ts';
import { lintPackage, publishDry } from './tools.ts';
import { contentFaults, filesOf, lacking } from './contents.ts';
import { LIMITS, overLimit, tooLarge } from './limits.ts';
import { runCommand, runEmitter, runFirstProgram } from './program.ts';
import { addFiles, addPackage, compile, makeProject, type Project, versionOf } from './project.ts';
import { NEST_COMPANIONS, NEST_PACKAGES, runNest } from './nest.ts';
import { checkStack, runConsole, runUserTest, TEST_RUNNER } from './one-copy.ts';
import { LOWEST, NEST, type Peers } from './peers.ts';
import { progress } from '../lab/progress.ts';
import { reasonOf, runIn } from '../programs.ts';
import { installTools, type Tools } from './tools.ts';

/** The signer of AWS, with which the example of the guide “Kafka login” was tried. */
const SIGNER = 'aws-msk-iam-sasl-signer-js';

const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } });
const { all } = values;

const { note: say } = progress(process.stdout, () => performance.now());
const faults: string[] = [];
const attempt = async (what: string, act: () => Promise<unknown>): Promise<void> => {
  try {
    await act();
    say(`ok    ${what}`);
  } catch (error) {
    faults.push(what);
    say(`FAIL  ${what}: ${reasonOf(error)}`);
  }
};

const outside = await mkdtemp(join(tmpdir(), 'converge-packages-'));
const [packed, tools] = await Promise.all([
  packAll(join(root, '.converge/packages/packed')),
  installTools(join(root, '.converge/packages/tools')),
]);
for (const { name, bytes, unpackedBytes } of packed)
  say(`${name.padEnd(26)} ${kilobytes(bytes)} packed, ${kilobytes(unpackedBytes)} unpacked`);
faults.push(...tooLarge(packed));
const files = filesOf(packed);
faults.push(
  ...contentFaults(files),
  ...lacking(
    files,
    packed.map(({ name }) => name),
  ),
);

const lint = attempt('publint and attw have nothing to say', async () => {
  const found: string[] = [];
  for (const one of packed) found.push(...(await lintPackage(one, tools)));
  if (found.length > 0) throw new Error(found.join('\n'));
});
const publish = attempt('`npm publish --dry-run` of each package warns of nothing', () => publishDry(packed));
const stack = await startStack({ log: say });
try {
  await attempt('all packages with the newest peers', async () => {
    const project = await projectOf('newest', ['convergekit'], {});
    count('service', project);
    await trial(project, tools, '24');
    await attempt('a service that esbuild bundled runs', () => bundled(project));
    await attempt('the SDK of OpenTelemetry is optional, and works when it is installed', () => sdk(project));
    if (all) await attempt('the example of a token for MSK compiles and signs', () => mskToken(project));
  });
  await attempt('all packages with the lowest peers', async () =>
    trial(await projectOf('lowest', ['convergekit'], LOWEST), tools, '22'),
  );
  await attempt('a service, its test kit and its console', oneCopy);
  // The tests of the repository run the newest.
  for (const version of all ? [NEST.lowest, NEST.newest] : [NEST.lowest])
    await attempt(`the example application on Nest ${version}`, () => nest(version));
  await lint;
  await publish;
} finally {
  await stack.stop();
  await rm(outside, { recursive: true, force: true });
}
for (const fault of faults) say(`FAIL  ${fault}`);
say(faults.length === 0 ? 'the packages install, compile and run' : `${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);

function projectOf(
  name: string,
  ours: readonly string[],
  others: Readonly<Record<string, string>>,
): Promise<Project> {
  return makeProject({ folder: join(outside, name), packed, ours, others });
}

/** Bundles the first program as the guide “deploying” says, its packages apart, and runs it. */
async function bundled(project: Project): Promise<void> {
  const options = ['--bundle', '--platform=node', '--format=esm', '--packages=external'];
  await runIn(project.folder, tools.esbuild, ['shop.ts', ...options, '--outfile=bundle.mjs']);
  const databaseUrl = await freshDatabase(stack.databaseUrl, 'bundled');
  const at = { project, node: tools.node['24'], databaseUrl, brokers: stack.brokers };
  await runCommand(at);
  await runFirstProgram(at, 'bundle.mjs');
}

/** Starts telemetry without the packages of the SDK, which names the command that installs them, then runs that command. */
async function sdk(project: Project): Promise<void> {
  const start = (code: string) =>
    runIn(project.folder, tools.node['24'], ['--input-type=module', '--eval', code]);
  const begin = `import { startTelemetry } from 'convergekit/telemetry'; const starting = startTelemetry({ serviceName: 'x' });`;
  const { stdout } = await start(
    `${begin} await starting.catch((error) => console.log(error.code, error.message));`,
  );
  const [, names = ''] = /^TELEMETRY_MISSING .*`npm install (.+)`/.exec(stdout) ?? [];
  const packages = names.split(' ').map((one) => one.split(/(?<=.)@/));
  for (const [name = '', version = ''] of packages) await addPackage(project, name, version);
  const { stdout: page } = await start(
    `${begin} console.log((await (await starting).scrape()).body); process.exit();`,
  );
  if (!page.includes('target_info')) throw new Error(`the page of metrics is ${page}`);
}

/** Runs what has code of several packages in one project: it has one copy of the kit. */
async function oneCopy(): Promise<void> {
  const ours = ['convergekit', '@convergekit/testing', '@convergekit/console'];
  const project = await projectOf('one-copy', ours, TEST_RUNNER);
  const databaseUrl = await freshDatabase(stack.databaseUrl, 'one_copy');
  const at = { project, node: tools.node['24'], databaseUrl, brokers: stack.brokers };
  await attempt('a stack trace names a line of the source', () => checkStack(at));
  await attempt('vitest runs a test of a user, whose kit and test kit are one', () => runUserTest(at));
  await runCommand(at);
  await attempt('the console shows its first page', () => runConsole(at));
}

/** Compiles and runs the example application of the guide “Nest” with one version of it. */
async function nest(version: string): Promise<void> {
  const nests = Object.fromEntries(NEST_PACKAGES.map((name) => [name, version]));
  const ours = ['convergekit', '@convergekit/nest'];
  const folder = `nest-${version.replaceAll(/\W/g, '')}`;
  const project = await projectOf(folder, ours, { ...NEST_COMPANIONS, ...nests });
  const node = tools.node[version === NEST.lowest ? '22' : '24'];
  const databaseUrl = await freshDatabase(stack.databaseUrl, 'nest');
  await runNest({ project, node, databaseUrl, brokers: stack.brokers }, tools);
}

/** Compiles the example of a token for MSK, and signs with it, without network. */
async function mskToken(project: Project): Promise<void> {
  const { typescript, node } = tools;
  await addPackage(project, SIGNER, 'latest');
  await addFiles(project, { 'msk-token.ts': '../../docs/examples/msk-token.ts' });
  await compile(project, typescript['5.9'], node['24'], { skipLibCheck: true });
  const credentials = {
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: 'eu-central-1',
  };
  const print = `process.stdout.write((await (await import('./msk-token.ts')).token()).value)`;
  const code = ['--input-type=module', '--eval', print];
  const { stdout } = await runIn(project.folder, node['24'], code, credentials);
  const signed = new URL(Buffer.from(stdout, 'base64url').toString());
  if (
    signed.host !== 'kafka.eu-central-1.amazonaws.com' ||
    signed.searchParams.get('Action') !== 'kafka-cluster:Connect'
  )
    throw new Error(`the token is for ${signed.host}, action ${String(signed.searchParams.get('Action'))}`);
}

/** Compiles and runs everything in a project that has all packages, on one version of Node. */
async function trial(
  project: Project,
  { typescript, node: nodes }: Tools,
  version: '22' | '24',
): Promise<void> {
  const node = nodes[version];
  const peers: string[] = [];
  for (const name of Object.keys(LOWEST) as (keyof Peers)[])
    peers.push(`${name} ${await versionOf(project, name)}`);
  const where = `Node ${version}, ${peers.join(', ')}`;
  await addFiles(project, {
    'shop.ts': '../../libs/cli/templates/minimal/src/main.ts',
    'doors.mts': './files/doors.mts',
    'doors.cts': './files/doors.cts',
    'emit.mts': './files/emit.mts',
  });
  for (const [release, compiler] of Object.entries(typescript))
    await attempt(`TypeScript ${release} compiles ES modules and CommonJS (${where})`, () =>
      compile(project, compiler, nodes['24']),
    );
  // Node strips types and changes nothing else, so CommonJS runs without the import syntax.
  const required = `for (const door of ['', '/http', '/kafka', '/postgres', '/process', '/telemetry']) require('convergekit' + door)`;
  for (const args of [['doors.mts'], ['--input-type=commonjs', '--eval', required]])
    await attempt(`every door loads by ${args.length === 1 ? 'import' : 'require'} (${where})`, () =>
      runIn(project.folder, node, args),
    );
  const databaseUrl = await freshDatabase(stack.databaseUrl, 'packages');
  const at = { project, node, databaseUrl, brokers: stack.brokers };
  await attempt(`the command runs and migrates (${where})`, () => runCommand(at));
  await attempt(`the README's first program runs (${where})`, () => runFirstProgram(at, 'shop.ts'));
  await attempt(`the application's tracer provider sees an emit (${where})`, () =>
    runEmitter(at, 'emit.mts'),
  );
}

function count(name: keyof typeof LIMITS, { installed }: Project): void {
  say(`${name}: ${installed.length} packages by \`npm ls --all\`, limit ${LIMITS[name].packages}`);
  faults.push(...overLimit(name, installed));
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(0).padStart(5)} kB`;
}
