/**
 * `make observability`: the configuration of the compose profile `observability`, read by the programs that read it there.
 * promtool checks Prometheus' file with its rules; a Collector of the version that docker-compose.yml names, built from
 * its Go modules, checks its own. Needs promtool, Go and a module proxy; builds once, some minutes.
 */
import { access, copyFile, cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { reasonOf, run } from '../programs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const MODULES = ['otelcol', 'receiver/otlpreceiver', 'processor/batchprocessor', 'exporter/otlpexporter'];

try {
  await checkPrometheus();
  await checkCollector(await collectorVersion());
} catch (error) {
  const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string };
  process.stderr.write(`observability: ${reasonOf(error)}\n${stdout}${stderr}\n`);
  process.exitCode = 1;
}

/** The version of the image in docker-compose.yml, such as `0.156.0`. */
async function collectorVersion(): Promise<string> {
  const { services } = parse(await readFile(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
    services: { readonly collector: { readonly image: string } };
  };
  return services.collector.image.split(':')[1] ?? '';
}

async function checkPrometheus(): Promise<void> {
  // Beside the rules, as the compose file mounts them.
  const folder = join(root, '.converge/observability');
  await mkdir(folder, { recursive: true });
  await rm(join(folder, 'rules'), { recursive: true, force: true });
  await cp(join(root, 'infra/prometheus'), join(folder, 'rules'), {
    recursive: true,
    filter: (path) => !path.endsWith('.ts'),
  });
  await copyFile(join(root, 'infra/docker/prometheus.yaml'), join(folder, 'prometheus.yaml'));
  const { stdout } = await run('promtool', ['check', 'config', join(folder, 'prometheus.yaml')]);
  say(stdout.trim());
}

async function checkCollector(version: string): Promise<void> {
  const folder = join(root, '.converge/observability', `collector-${version}`);
  const program = join(folder, 'collector');
  const go = (...args: readonly string[]) => run('go', args, { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
  await mkdir(folder, { recursive: true });
  await copyFile(join(root, 'infra/docker/collector/main.go'), join(folder, 'main.go'));
  try {
    await access(program);
  } catch {
    say(`building a Collector ${version} (once, some minutes)`);
    await rm(join(folder, 'go.mod'), { force: true });
    await go('mod', 'init', 'collector');
    await go('get', ...MODULES.map((name) => `go.opentelemetry.io/collector/${name}@v${version}`));
    await go('mod', 'tidy');
  }
  // Go keeps what it built: without a change this takes a second.
  await go('build', '-o', program, '.');
  await run(program, ['validate', `--config=${join(root, 'infra/docker/collector.yaml')}`]);
  say(`infra/docker/collector.yaml is valid for the Collector ${version}`);
}
