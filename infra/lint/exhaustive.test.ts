import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { root } from '../packages/workspaces.ts';

/** The compared expression of `x.kind === 'a'`; else undefined. */
function comparedBy(condition: ts.Expression): string | undefined {
  if (!ts.isBinaryExpression(condition)) return undefined;
  if (condition.operatorToken.kind !== ts.SyntaxKind.EqualsEqualsEqualsToken) return undefined;
  return ts.isStringLiteral(condition.right) ? condition.left.getText() : undefined;
}

/** The chains of `if … else if …` that compare one expression with three texts or more: a switch would be exhaustive. */
function chainsIn(text: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIfStatement(node) && !ts.isIfStatement(node.parent)) {
      const compared: (string | undefined)[] = [];
      for (
        let one: ts.Statement | undefined = node;
        one !== undefined && ts.isIfStatement(one);
        one = one.elseStatement
      )
        compared.push(comparedBy(one.expression));
      const [first] = compared;
      if (first !== undefined && compared.length > 2 && compared.every((other) => other === first))
        found.push(first);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('x.ts', text, ts.ScriptTarget.Latest, true));
  return found;
}

const files = globSync('{libs,services}/**/src/**/*.ts', {
  cwd: root,
  exclude: (name) => name === 'node_modules',
}).map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

it('S52: a switch that leaves out a member of its union fails the lint of every file, and none is exempt', () => {
  const config = readFileSync(join(root, 'eslint.config.js'), 'utf8');
  const settings = [
    ...config.matchAll(/'@typescript-eslint\/switch-exhaustiveness-check': (\[[^]*?\n {6}\])/g),
  ];
  expect(settings.map(([, value = '']) => value.replace(/\s+/g, ' '))).toEqual([
    "[ 'error', { considerDefaultExhaustiveForUnions: true }, ]",
  ]);
  const exempt = files.filter(({ text }) => /eslint-disable.*switch-exhaustiveness-check/.test(text));
  expect(exempt.map(({ path }) => path)).toEqual([]);
});

it('S52: no code decides by a chain of if and else over the members of a union', () => {
  const planted = "if (a.kind === 'x') f(); else if (a.kind === 'y') g(); else if (a.kind === 'z') h();";
  expect(chainsIn(planted)).toEqual(['a.kind']);
  expect(chainsIn("if (a.kind === 'x') f(); else if (b > 1) g(); else if (a.kind === 'z') h();")).toEqual([]);
  const chains = files.flatMap(({ path, text }) =>
    text.includes('else if') ? chainsIn(text).map((compared) => `${path}: ${compared}`) : [],
  );
  expect(files.length).toBeGreaterThan(500);
  expect(chains).toEqual([]);
});

const CATEGORY = 'libs/core/src/failure.ts';
const deciding = ['libs/resilience/src/strategy.ts', 'libs/resilience/src/degraded.ts'];

/** The files of `deciding` that do not compile when this union of categories stands in place of the real one. */
function brokenBy(categories: (union: string) => string): readonly string[] {
  const base = JSON.parse(readFileSync(join(root, 'tsconfig.base.json'), 'utf8')) as {
    compilerOptions: object;
  };
  const { options } = ts.convertCompilerOptionsFromJson({ ...base.compilerOptions, noEmit: true }, root);
  const host = ts.createCompilerHost(options);
  const changed = categories(readFileSync(join(root, CATEGORY), 'utf8'));
  const plain = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...more) =>
    name === join(root, CATEGORY)
      ? ts.createSourceFile(name, changed, ts.ScriptTarget.Latest)
      : plain(name, ...more);
  const program = ts.createProgram(
    deciding.map((file) => join(root, file)),
    options,
    host,
  );
  return deciding.filter(
    (file) => program.getSemanticDiagnostics(program.getSourceFile(join(root, file))).length > 0,
  );
}

it('S52: a category that the code does not know breaks the build, in the table of strategies and in a switch', () => {
  expect(brokenBy((text) => text)).toEqual([]);
  expect(brokenBy((text) => text.replace("'business' | 'bug';", "'business' | 'bug' | 'weather';"))).toEqual(
    deciding,
  );
});
