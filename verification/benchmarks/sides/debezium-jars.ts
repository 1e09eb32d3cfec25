import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const POM = fileURLToPath(new URL('../debezium/pom.xml', import.meta.url));

export interface DebeziumJars {
  readonly java: string;
  readonly folder: string;
}

/** Kafka Connect and Debezium, fetched by Maven once. Rejects with what to install when Java or Maven is missing. */
export async function debeziumJars(folder: string, say: (line: string) => void): Promise<DebeziumJars> {
  const home = process.env['JAVA_HOME'];
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  await run(java, ['-version']).catch((error: unknown) => {
    throw new Error(`Java was not found (${java}): install a Java runtime 17 or newer`, { cause: error });
  });
  const hash = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12);
  // Absolute: Maven takes a relative folder as one beside the pom.
  const target = resolve(folder, hash);
  if (existsSync(target)) return { java, folder: target };
  mkdirSync(folder, { recursive: true });
  const partial = resolve(folder, `.partial-${process.pid}`);
  say('fetching Kafka Connect and Debezium with Maven (once; 60 MB)');
  try {
    await run(
      'mvn',
      ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${partial}`],
      {
        timeout: 600_000,
        maxBuffer: 16_777_216,
      },
    );
    // The rename makes the folder appear complete.
    if (!existsSync(target)) renameSync(partial, target);
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return { java, folder: target };
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && 'syscall' in error && error.syscall === 'spawn mvn')
    return 'Maven (`mvn`) was not found: install it (Debian and Ubuntu: apt-get install maven)';
  const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
  const line = output.split('\n').find((candidate) => candidate.includes('ERROR'));
  return `Maven could not fetch Debezium: ${line ?? output.slice(0, 300)}`;
}
