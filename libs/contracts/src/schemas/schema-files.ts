import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@convergekit/core/engine';
import { ContractError } from '../contract-error.ts';
import type { EventDefinition } from '../event-definition.ts';
import { type AsyncApiInfo, asyncApiOf, nameOf } from './asyncapi.ts';
import { incompatibilities } from './compatibility.ts';
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts';
import { same } from './place.ts';
import type { SchemaChange } from './schema-change.ts';

/**
 * Compares the definitions with the committed schema files, and parses the recorded payloads.
 * The files are `<dir>/json/*.json` and `<dir>/asyncapi.json`, the payloads those of `<dir>/fixtures/`. An empty result
 * means no difference.
 * @example
 * ```ts
 * import { checkSchemas } from '@convergekit/testing';
 * import { orderPlaced, paymentTaken } from './shop.ts';
 *
 * const changes = await checkSchemas([orderPlaced, paymentTaken], 'schemas');
 * if (changes.length > 0) throw new Error(JSON.stringify(changes)); // a change that would break readers
 * ```
 */
export async function checkSchemas(
  events: readonly EventDefinition[],
  dir: string,
  info: AsyncApiInfo = {},
): Promise<readonly SchemaChange[]> {
  const definitions = deduplicate(events);
  const document = documentOf(definitions, info);
  const recorded = await readRecorded(join(dir, 'json'));
  const changes = [
    ...definitions.flatMap((one) => changesOf(one, recorded.get(nameOf(one)))),
    ...[...recorded.keys()].flatMap((name) => findWithdrawn(name, definitions)),
    ...(await checkFixtures(definitions, join(dir, 'fixtures'))),
  ];
  const first = definitions[0];
  const written = await readJson(join(dir, 'asyncapi.json'));
  if (changes.length > 0 || first === undefined || same(written, document)) return changes;
  return [
    {
      kind: 'outdated',
      type: first.type,
      version: first.version,
      path: '',
      reason: 'asyncapi.json is not what the definitions give',
      fix: WRITE,
    },
  ];
}

/**
 * Writes one JSON Schema per event version and one AsyncAPI 3 document.
 * If a published version changed incompatibly, or is no longer readable, it writes nothing: the new files would hide the
 * change from CI.
 * @example
 * ```ts
 * import { writeSchemas } from '@convergekit/testing';
 * import { orderPlaced, paymentTaken } from './shop.ts';
 *
 * // After a change of a definition; commit what it wrote.
 * await writeSchemas([orderPlaced, paymentTaken], 'schemas', { title: 'Shop', version: '1.0.0' });
 * ```
 */
export async function writeSchemas(
  events: readonly EventDefinition[],
  dir: string,
  info: AsyncApiInfo = {},
): Promise<readonly string[]> {
  const refused = (await checkSchemas(events, dir, info)).filter(
    ({ kind }) => kind === 'incompatible' || kind === 'withdrawn',
  );
  if (refused.length > 0) {
    const issues = refused.map(({ type, version, path, reason, fix }) => ({
      path: `${type} v${version}: ${path}`,
      message: `${reason}; ${fix}`,
    }));
    const lines = issues.map(({ path, message }) => `- ${path} ${message}`).join('\n');
    throw new ContractError(
      'SCHEMAS_INCOMPATIBLE',
      `nothing was written: published schemas would break\n${lines}`,
      { issues },
    );
  }
  const definitions = deduplicate(events);
  await mkdir(join(dir, 'json'), { recursive: true });
  const files: (readonly [string, JsonSchema])[] = definitions.map((one) => [
    join(dir, 'json', `${nameOf(one)}.json`),
    jsonSchemaOf(one),
  ]);
  files.push([join(dir, 'asyncapi.json'), documentOf(definitions, info)]);
  for (const [file, content] of files) await writeFile(file, `${JSON.stringify(content, null, 2)}\n`);
  return files.map(([file]) => file);
}

function documentOf(definitions: readonly EventDefinition[], info: AsyncApiInfo): JsonSchema {
  return asyncApiOf(definitions, { ...info, received: deduplicate(info.received ?? []) });
}

const WRITE = 'write the schemas again and commit them';

function changesOf(definition: EventDefinition, recorded: JsonSchema | undefined): readonly SchemaChange[] {
  const { type, version } = definition;
  const at = { type, version };
  if (recorded === undefined)
    return [
      { ...at, kind: 'not_written', path: '', reason: 'this version has no recorded schema', fix: WRITE },
    ];
  const current = jsonSchemaOf(definition);
  const fix = `publish version ${version + 1} with an upcast from ${version}, or take the change back`;
  const broken = incompatibilities(recorded, current).map(
    (one) => ({ ...at, ...one, kind: 'incompatible', fix }) as const,
  );
  if (broken.length > 0 || same(recorded, current)) return broken;
  return [{ ...at, kind: 'outdated', path: '', reason: 'a compatible change is not recorded', fix: WRITE }];
}

/** Reports a recorded version that no definition reads, directly or by upcasts. */
function findWithdrawn(name: string, definitions: readonly EventDefinition[]): readonly SchemaChange[] {
  const match = /^(.+)\.v(\d+)$/.exec(name);
  const [type = name, version] = [match?.[1], Number(match?.[2] ?? 0)];
  if (definitions.some((one) => one.type === type && one.version >= version && one.oldest <= version))
    return [];
  const fix = `keep reading it (define the event, with an upcast from ${version}), or delete its file once no log holds such events`;
  return [
    { kind: 'withdrawn', type, version, path: '', reason: 'it was published, and nothing reads it now', fix },
  ];
}

/** Removes duplicates. Several consumers may pass the same event; one name with two schemas is an error. */
function deduplicate(events: readonly EventDefinition[]): readonly EventDefinition[] {
  const found = new Map<string, EventDefinition>();
  for (const event of events) {
    const other = found.get(nameOf(event));
    if (other !== undefined && !same(jsonSchemaOf(other), jsonSchemaOf(event)))
      throw new ContractError(
        'DEFINITION_INVALID',
        `${nameOf(event)} is defined twice, with two schemas: rename one`,
      );
    found.set(nameOf(event), other ?? event);
  }
  return [...found.values()].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}

async function readRecorded(folder: string): Promise<ReadonlyMap<string, JsonSchema>> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
  const recorded = new Map<string, JsonSchema>();
  for (const name of files) recorded.set(name, (await readJson(join(folder, `${name}.json`))) ?? {});
  return recorded;
}

async function readJson(file: string): Promise<JsonSchema | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as JsonSchema;
  } catch (cause) {
    throw new ContractError('SCHEMAS_UNREADABLE', `${file} is not JSON: restore it from version control`, {
      cause,
    });
  }
}

/**
 * Parses every recorded payload `<dir>/<type>.v<version>[.<what>].json` with the current definitions.
 * It proves that published events stay readable. A missing folder is no error.
 */
async function checkFixtures(
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
    const reason = `the recorded payload ${name} is no longer read: ${messageOf(error)}`;
    const fix =
      'fix the schema or the upcast; a recorded payload represents those in the log and never changes';
    return { kind: 'incompatible', type, version, path: '', breaks: 'old_events', reason, fix };
  }
}
