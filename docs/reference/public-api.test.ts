import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
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

  it('every example in the comment of a public name compiles as a module of a user', () => {
    const examples = doors.flatMap(({ names }) =>
      names.flatMap(({ name, example }) => (example === undefined ? [] : [{ name, example }])),
    );
    expect(examples.length).toBeGreaterThan(0);
    expect(errorsOf(new Map(examples.map(({ name, example }) => [name, example])))).toEqual([]);
  });
});

function errorsOf(modules: ReadonlyMap<string, string>): readonly string[] {
  const root = join(import.meta.dirname, '../..');
  const texts = new Map(
    [...modules].map(([name, text]) => [join(root, 'docs', `example-of-${name}.ts`), text]),
  );
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), (path) =>
    readFileSync(path, 'utf8'),
  ) as { config: { compilerOptions: object } };
  const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, noEmit: true }, root);
  const disk = ts.createCompilerHost(options);
  const program = ts.createProgram([...texts.keys()], options, {
    ...disk,
    getSourceFile: (file, ...rest) => {
      const text = texts.get(file);
      return text === undefined
        ? disk.getSourceFile(file, ...rest)
        : ts.createSourceFile(file, text, ts.ScriptTarget.ES2024);
    },
    fileExists: (file) => texts.has(file) || disk.fileExists(file),
    readFile: (file) => texts.get(file) ?? disk.readFile(file),
  });
  return [...texts.keys()].flatMap((file) =>
    program
      .getSemanticDiagnostics(program.getSourceFile(file))
      .map(({ messageText }) => `${file}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`),
  );
}
