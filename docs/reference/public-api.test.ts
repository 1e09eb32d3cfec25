import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { namesPage } from './names-page.ts';
import { type PublicDoor, publicApi } from './public-api.ts';

describe('the reference of the public names', () => {
  let doors: readonly PublicDoor[];
  beforeAll(() => {
    doors = publicApi();
  });

  it('the page of the public names says what the declarations in the code say: `make docs` writes it', () => {
    expect(readFileSync(new URL('names.md', import.meta.url), 'utf8')).toBe(namesPage(doors));
  });

  it('the page has the names of docs/public-names.txt and no other', () => {
    const listed = readFileSync(new URL('../public-names.txt', import.meta.url), 'utf8')
      .split('\n')
      .flatMap((line) => /^ {2}(?:values|types) \d+: ?(.*)$/.exec(line)?.[1]?.split(' ') ?? [])
      .filter((name) => name !== '');
    expect(doors.flatMap(({ names }) => names.map(({ name }) => name)).toSorted()).toEqual(listed.toSorted());
  });
});
