import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '@convergekit/testing/engine';
import { waitUntil } from '@convergekit/testing';
import { parse, stringify } from 'yaml';
import { Child } from '../benchmarks/measure/child.ts';
import { isReady } from '../programs.ts';

const rulesFolder = new URL('../../infra/prometheus/', import.meta.url);

export type Prometheus = Awaited<ReturnType<typeof startPrometheus>>;

interface PrometheusOptions {
  /** The processes that serve `/metrics` at their health port. */
  readonly scraped: readonly { readonly spec: { readonly healthPort: number } }[];
  /** The interval of scrapes and of rules, such as `1s`. */
  readonly interval: string;
}

/** Starts a Prometheus with the rules of infra/prometheus, in memory of a temporary folder. */
export async function startPrometheus({ scraped, interval }: PrometheusOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'converge-prometheus-'));
  const [port = 0] = await freePorts(1);
  const targets = scraped.map(({ spec }) => `127.0.0.1:${spec.healthPort}`);
  const config = {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: [join(folder, 'rules/*.yaml')],
    scrape_configs: [{ job_name: 'converge', static_configs: [{ targets }] }],
  };
  await writeFile(join(folder, 'prometheus.yaml'), stringify(config));
  await writeRules(join(folder, 'rules'), interval);
  const server = new Child({
    name: 'prometheus',
    command: 'prometheus',
    args: [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    logFile: join(folder, 'prometheus.log'),
  });
  const url = `http://127.0.0.1:${port}`;
  const ready = (): Promise<boolean> => {
    server.assertAlive();
    return isReady(`${url}/-/ready`);
  };
  await waitUntil(ready, { what: 'Prometheus to be ready', deadlineMs: 30_000, everyMs: 100 });
  return {
    url,
    stop: async (): Promise<void> => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Copies the rules; groups are evaluated as often as there are scrapes. */
async function writeRules(folder: string, interval: string): Promise<void> {
  await mkdir(folder);
  for (const name of await readdir(rulesFolder)) {
    if (!name.endsWith('.rules.yaml')) continue;
    const { groups } = parse(await readFile(new URL(name, rulesFolder), 'utf8')) as { groups: object[] };
    const text = stringify({ groups: groups.map((group) => ({ ...group, interval })) });
    await writeFile(join(folder, name), text);
  }
}
