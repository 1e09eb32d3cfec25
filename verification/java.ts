import { writeFileSync } from 'node:fs';
import { type JavaJars, javaLaunch } from '../libs/testing/src/stack/java-jars.ts';
import { Child, type ChildOptions } from './benchmarks/measure/child.ts';

export { type JavaJars, javaJars } from '../libs/testing/src/stack/java-jars.ts';

interface JavaProcess extends Pick<ChildOptions, 'name' | 'logFile'> {
  readonly jars: JavaJars;
  readonly jvm: readonly string[];
  /** The class, and its arguments. */
  readonly args: readonly string[];
}

/** Starts a program of the jars, with the quiet logging of the test kit's Kafka. */
export function startJava({ name, jars, jvm, args, logFile }: JavaProcess): Child {
  return new Child({ name, ...javaLaunch(jars, jvm, args), logFile });
}

export function writeProperties(file: string, settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(file, lines.join(''));
  return file;
}
