import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { attributeNames, instrumentDefinitions, type InstrumentDefinition } from '../names.ts';

const libs = new URL('../../../', import.meta.url);
const code = globSync('*/src/**/*.ts', { cwd: libs.pathname })
  .filter((path) => !path.includes('.test.') && !path.includes('/fixture/'))
  .map((path) => readFileSync(new URL(path, libs), 'utf8'))
  .join('\n');
const definitions: readonly (readonly [string, InstrumentDefinition])[] =
  Object.entries(instrumentDefinitions);

describe('the declared instruments', () => {
  // Meant to catch: an instrument that is declared and recorded nowhere.
  it('every declared instrument is recorded by the code of a package', () => {
    const recorded = (key: string): boolean =>
      new RegExp(`\\.?\\b${key}\\.(add|record|recordMs)\\(`).test(code);
    expect(definitions.map(([key]) => key).filter((key) => !recorded(key))).toEqual([]);
  });

  it('labels are attributes of the one list, each once, and never a key or an id', () => {
    const names = new Set<string>(Object.values(attributeNames));
    const unbounded = new Set<string>([
      attributeNames.eventId,
      attributeNames.position,
      attributeNames.partition,
    ]);
    for (const [key, { labels }] of definitions) {
      expect([key, labels.filter((label) => !names.has(label) || unbounded.has(label))]).toEqual([key, []]);
      expect([key, new Set(labels).size]).toEqual([key, labels.length]);
    }
  });

  it('descriptions are sentences without a full stop, and units are those of UCUM', () => {
    for (const [key, { description, unit = '1' }] of definitions) {
      expect([key, /^\S.*[^.]$/.test(description)]).toEqual([key, true]);
      expect([key, /^(1|s|By|By\/s|\{[a-z]+\})$/.test(unit)]).toEqual([key, true]);
    }
  });
});
