import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { readSettings } from '../../libs/cli/src/frame/settings.ts';
import { type Container, variablesOf } from './pods.ts';

const FOLDER = '/run/secrets/converge/';
const projected = z.object({
  projected: z.object({
    sources: z
      .array(z.object({ secret: z.object({ items: z.array(z.object({ path: z.string() })) }) }))
      .nullable(),
  }),
});

/** What a container's variables mean to the commands. */
export interface ContainerSettings {
  /** What is wrong with them, as the command would print it. */
  readonly unknown: readonly string[];
  /** The files below /run/secrets/converge that variables name, sorted. */
  readonly named: readonly string[];
  /** The files that the volume has, sorted. */
  readonly mounted: readonly string[];
}

/** Reads the settings of a container as its process would, with a file for each secret. */
export function settingsOfContainer(
  container: Container,
  volumes: readonly { readonly name: string }[],
): ContainerSettings {
  const variables = variablesOf(container);
  const isFile = ([, value]: readonly [string, string]): boolean => value.startsWith(FOLDER);
  const files = Object.entries(variables).filter(isFile);
  const volume = volumes.find(({ name }) => name === container.volumeMounts[0]?.name);
  const sources = projected.parse(volume).projected.sources ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'converge-chart-'));
  try {
    const file = join(folder, 'secret');
    // A text that any setting with a secret accepts: a URL, a password, a key of 32 bytes.
    writeFileSync(file, 'postgres://relay:0123456789abcdef0123456789abcdef@db:5432/orders');
    const env = { ...variables, ...Object.fromEntries(files.map(([name]) => [name, file])) };
    return {
      unknown: problemsOf(env),
      named: files.map(([, path]) => path.slice(FOLDER.length)).toSorted(),
      mounted: sources.flatMap(({ secret }) => secret.items.map(({ path }) => path)).toSorted(),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function problemsOf(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    readSettings(env);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
