import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ContractError } from '../contract-error.ts';
import type { EventDefinition } from '../event-definition.ts';
import type { SchemaChange } from './schema-change.ts';

/**
 * Parses every recorded payload `<dir>/<type>.v<version>[.<what>].json` with the current definitions.
 * It proves that published events stay readable. A missing folder is no error.
 */
export async function checkFixtures(
  events: readonly EventDefinition[],
  dir: string,
): Promise<readonly SchemaChange[]> {
  const names = await readdir(dir).catch(() => []);
  const changes: SchemaChange[] = [];
  for (const name of names.filter((one) => one.endsWith('.json')).sort()) {
    const failed = failureOf(name, events, await readFile(join(dir, name), 'utf8'));
    if (failed !== undefined) changes.push(failed);
  }
  return changes;
}

function failureOf(
  name: string,
  events: readonly EventDefinition[],
  payload: string,
): SchemaChange | undefined {
  const match = /^(.+?)\.v(\d+)(?:\.[^.]+)?\.json$/.exec(name);
  const type = match?.[1] ?? name;
  const version = Number(match?.[2] ?? 0);
  const definition = events
    .filter((one) => one.type === type && one.version >= version)
    .sort((one, other) => one.version - other.version)[0];
  try {
    if (definition === undefined) throw new ContractError('VERSION_UNKNOWN', 'no definition reads it');
    definition.parse(payload, version);
    return undefined;
  } catch (error) {
    const reason = `the recorded payload ${name} is no longer read: ${error instanceof Error ? error.message : String(error)}`;
    const fix =
      'fix the schema or the upcast; a recorded payload represents those in the log and never changes';
    return { kind: 'incompatible', type, version, path: '', breaks: 'old_events', reason, fix };
  }
}
