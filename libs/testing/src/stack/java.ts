import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DevStackError } from './stack-error.ts';

const run = promisify(execFile);
const OLDEST = 17;
const INSTALL =
  'install a Java runtime 17 or newer (Debian and Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk)';

export interface JavaUse {
  /** The program that needs it, for people: "Kafka". */
  readonly what: string;
  /** What can be done without the program, as further items of a list. @default nothing */
  readonly otherwise?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** The `java` command to use: JAVA_HOME's when that is set, else the first on PATH. */
export async function findJava({ what, otherwise = '', env = process.env }: JavaUse): Promise<string> {
  const home = env['JAVA_HOME'];
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  let output: string;
  try {
    output = (await run(java, ['-version'], { env, timeout: 20_000 })).stderr;
  } catch (error) {
    throw new DevStackError(
      'JAVA_MISSING',
      `${what} runs on Java and \`${java}\` was not found: ${INSTALL}${otherwise}`,
      error,
    );
  }
  const version = javaMajor(output);
  if (version === undefined || version < OLDEST)
    throw new DevStackError(
      'JAVA_TOO_OLD',
      `${what} needs Java ${OLDEST} or newer and \`${java}\` is version ${version ?? 'unknown'}: ${INSTALL}${otherwise}`,
    );
  return java;
}

/** 17 of `openjdk version "17.0.15" …`, 8 of `java version "1.8.0_402"`. */
export function javaMajor(output: string): number | undefined {
  const match = /version "(\d+)(?:\.(\d+))?/.exec(output);
  if (match === null) return undefined;
  const major = Number(match[1]);
  return major === 1 ? Number(match[2]) : major;
}
