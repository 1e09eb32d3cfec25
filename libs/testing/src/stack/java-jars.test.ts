import { chmodSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { javaJars } from './java-jars.ts';

/** A folder with commands `java` and `mvn`; `mvn` runs the lines of shell, with the folder of the jars in `$out`. */
function programs(mvn: string): { readonly folder: string; readonly env: NodeJS.ProcessEnv } {
  const folder = mkdtempSync(join(tmpdir(), 'converge-jars-'));
  const scripts = {
    java: 'echo \'openjdk version "17.0.15"\' >&2',
    mvn: `for arg in "$@"; do case $arg in -DoutputDirectory=*) out=\${arg#*=};; esac; done\n${mvn}`,
  };
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  writeFileSync(join(folder, 'pom.xml'), '<project/>');
  return { folder, env: { PATH: `${folder}:${process.env['PATH']}` } };
}

const fetching = (
  { folder, env }: ReturnType<typeof programs>,
  log: (line: string) => void = () => undefined,
) =>
  javaJars({
    what: 'Kafka',
    pom: join(folder, 'pom.xml'),
    directory: join(folder, 'jars'),
    megabytes: 1,
    log,
    env,
  });

it('brokers of one cluster that start at once fetch their jars once', async () => {
  const world = programs('mkdir "$out" && touch "$out/kafka.jar"');
  const lines: string[] = [];
  const found = await Promise.all([1, 2, 3].map(() => fetching(world, (line) => lines.push(line))));
  expect(lines).toEqual(['fetching Kafka with Maven (once; 1 MB)']);
  expect(new Set(found.map(({ jars }) => jars)).size).toBe(1);
  expect(readdirSync(found[0]!.jars)).toEqual(['kafka.jar']);
});

it('a fetch that fails says the first error of Maven that has words, and the next start fetches again', async () => {
  const world = programs(
    '[ -e "$(dirname "$out")/repaired" ] && mkdir "$out" && exit; echo "[ERROR] ."; echo "[ERROR] no route to host"; exit 1',
  );
  await expect(fetching(world)).rejects.toThrow(
    "Maven could not fetch Kafka's jars: [ERROR] no route to host.",
  );
  writeFileSync(join(world.folder, 'jars', 'repaired'), '');
  await expect(fetching(world)).resolves.toMatchObject({ java: 'java' });
});
