import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A planted fault: a patch that takes one remedy out, and what is expected of the tests. */
export interface Fault {
  /** The two digits of its file. */
  readonly id: string;
  readonly name: string;
  readonly planted: string;
  /** The ids of the rows that no longer hold, or `no row of its own`. */
  readonly breaks: string;
  /** What stays true when the code under the patch is written anew: by it the patch is written anew, too. */
  readonly promise: string;
  /** Parts of the paths of the test files that catch it. */
  readonly caughtBy: readonly string[];
  /** The tests that are run, as vitest's `-t`. @default all of the files */
  readonly only?: string;
  /** A part of the message with which its test fails, where that is neither an assertion nor a wait that ran out. */
  readonly failsWith?: string;
  /** The part of `make verify` whose tests catch it. @default the first tier catches it */
  readonly part?: string;
}

const FILE = /^(\d{2,3})-([a-z0-9-]+)\.patch$/;
const TIER = /^(?:test|verify ([a-z-]+))$/;
const FIELDS = ['Planted', 'Breaks', 'Promise', 'Mark', 'Caught by', 'Only', 'Fails with', 'Tier'];

/** Parses a fault from its file: the head is lines `Name: value`, up to the patch. Pure. */
export function parseFault(file: string, text: string): Fault {
  const wrong = (why: string): Error => new Error(`faults/${file}: ${why}`);
  const [, id, name] = FILE.exec(file) ?? [];
  if (id === undefined || name === undefined) throw wrong('its name has to be 00-short-name.patch');
  const [head = '', diff] = text.split(/^(?=diff --git )/m);
  if (diff === undefined) throw wrong('it has no patch');
  const fields = new Map<string, string>();
  for (const line of head.split('\n').filter((one) => one.trim() !== '')) {
    const [, field = '', value = ''] = /^([A-Z][a-z ]+): (.+)$/.exec(line) ?? [];
    if (!FIELDS.includes(field)) throw wrong(`"${line}" is none of ${FIELDS.join(', ')}`);
    fields.set(field, value.trim());
  }
  const needed = (field: string): string => {
    const value = fields.get(field);
    if (value === undefined) throw wrong(`its head has no line "${field}: …"`);
    return value;
  };
  const tier = TIER.exec(needed('Tier'));
  if (tier === null) throw wrong('its tier is neither "test" nor "verify <part>"');
  const [, part] = tier;
  const [only, failsWith] = ['Only', 'Fails with'].map((field) => fields.get(field));
  return {
    id,
    name,
    planted: needed('Planted'),
    breaks: needed('Breaks'),
    promise: needed('Promise'),
    caughtBy: needed('Caught by').split(', '),
    ...(part !== undefined && { part }),
    ...(only !== undefined && { only }),
    ...(failsWith !== undefined && { failsWith }),
  };
}

/** Finds the test files that a fault names. Pure; throws where a part of a path is that of no test file. */
export function testFilesOf(
  { id, caughtBy }: Pick<Fault, 'id' | 'caughtBy'>,
  files: readonly string[],
): string[] {
  const tests = files.filter((file) => file.endsWith('.test.ts'));
  return caughtBy.flatMap((part) => {
    const found = tests.filter((file) => file.includes(part));
    if (found.length === 0)
      throw new Error(`fault ${id} names ${part}, which is in the path of no test file`);
    return found;
  });
}

/** Chooses faults by number or name. Pure. @default all */
export function chosenFaults<One extends Pick<Fault, 'id' | 'name'>>(
  faults: readonly One[],
  only: readonly string[] | undefined,
): One[] {
  const is = ({ id, name }: One, asked: string): boolean => asked === id || asked === name;
  const unknown = only?.filter((asked) => !faults.some((one) => is(one, asked))) ?? [];
  if (unknown.length > 0) throw new Error(`there is no fault ${unknown.join(', ')}`);
  return faults.filter((one) => only === undefined || only.some((asked) => is(one, asked)));
}

export type PlantedFault = ReturnType<typeof readFaults>[number];

/** Reads all faults of a folder, in the order of their numbers. */
export function readFaults(folder: string) {
  return readdirSync(folder)
    .toSorted()
    .map((file) => {
      const patch = join(folder, file);
      return { ...parseFault(file, readFileSync(patch, 'utf8')), patch };
    });
}
