import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { idsOfTitle } from '../../test/promise-ids.ts';
import { type Doors, isPublic, STARTERS } from './doors.ts';

/** The facts by which files are judged. */
export interface House {
  readonly root: string;
  readonly doors: Doors;
  readonly kitTables: ReadonlySet<string>;
}

/** Code of users (samples, examples), and fixtures: these keep the rule themselves. */
const FOLLOWED =
  /\/fixture\/|^(docs|services\/(shop|transfers|common|reconciler|relay)|schemas|verification|test)\/|^libs\/cli\/templates\//;
const TESTS = new Set(['it', 'test', 'describe']);

/** Lists what a test file takes that no user and no operator has, with the fixtures that it uses. */
export function insidesOf(house: House, path: string, seen = new Set<string>()): readonly string[] {
  if (seen.has(path) || STARTERS.includes(path)) return [];
  seen.add(path);
  const { imports, texts } = readSource(join(house.root, path));
  return [
    ...new Set([
      ...texts
        .flatMap((text) => tablesIn(text, house.kitTables))
        .map((table) => `${path}: names the table ${table}`),
      ...imports.flatMap(({ from, names }) => insidesOfImport(house, path, from, names, seen)),
    ]),
  ];
}

export const titlesOf = (root: string, path: string): readonly string[] =>
  readSource(join(root, path)).titles;

function insidesOfImport(
  house: House,
  path: string,
  from: string,
  names: readonly string[],
  seen: Set<string>,
): readonly string[] {
  const target = from.startsWith('.') ? join(dirname(path), from) : house.doors.get(from);
  if (target === undefined) return [];
  const entry = from.startsWith('.') ? [...house.doors].find(([, source]) => source === target)?.[0] : from;
  if (FOLLOWED.test(target) && !target.startsWith('services/console/src/index'))
    return target.endsWith('.ts') ? insidesOf(house, target, seen) : [];
  const inside = entry === undefined ? names : names.filter((name) => !isPublic(entry, name));
  return inside.length === 0 && (entry !== undefined || names.length > 0)
    ? []
    : [`${path}: imports ${inside.join(', ')} of ${from}`];
}

function tablesIn(text: string, tables: ReadonlySet<string>): readonly string[] {
  return [...text.matchAll(/\bconverge\.(\w+)/g)].flatMap(([name, table = '']) =>
    tables.has(table) ? [name] : [],
  );
}

/** Reads the imports of a file, all its strings, with the texts of templates, and the titles of its tests that have ids. */
function readSource(file: string) {
  const tree = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const imports: { from: string; names: readonly string[] }[] = [];
  const texts: string[] = [];
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined)
      imports.push({ from: (node.moduleSpecifier as ts.StringLiteral).text, names: namesOf(node) });
    else if (
      ts.isStringLiteralLike(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddleOrTemplateTail(node)
    )
      texts.push(node.text);
    else if (ts.isNewExpression(node)) {
      // A program that the test starts is its fixture.
      const [what] = node.arguments ?? [];
      if (what !== undefined && ts.isStringLiteralLike(what) && what.text.endsWith('.ts'))
        imports.push({ from: what.text.startsWith('.') ? what.text : `./${what.text}`, names: ['*'] });
    } else if (ts.isCallExpression(node)) {
      const [what] = node.arguments;
      if (
        node.expression.kind === ts.SyntaxKind.ImportKeyword &&
        what !== undefined &&
        ts.isStringLiteralLike(what)
      )
        imports.push({ from: what.text, names: ['*'] });
      const title = titleOf(node);
      if (title !== undefined && idsOfTitle(title).length > 0) titles.push(title);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return { imports, texts, titles };
}

function namesOf(node: ts.ImportDeclaration | ts.ExportDeclaration): readonly string[] {
  const clause = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : node.exportClause;
  if (clause === undefined) return ['*'];
  if (!ts.isNamedImports(clause) && !ts.isNamedExports(clause)) return ['*'];
  return clause.elements.map(({ name, propertyName }) => (propertyName ?? name).text);
}

/** The title of a test or suite, also of `it.each(…)(title)`. */
function titleOf({ expression, arguments: [first] }: ts.CallExpression): string | undefined {
  let callee: ts.Expression = expression;
  while (!ts.isIdentifier(callee)) {
    if (
      ts.isPropertyAccessExpression(callee) ||
      ts.isCallExpression(callee) ||
      ts.isTaggedTemplateExpression(callee)
    )
      callee = ts.isTaggedTemplateExpression(callee) ? callee.tag : callee.expression;
    else return undefined;
  }
  if (!TESTS.has(callee.text) || first === undefined) return undefined;
  if (ts.isStringLiteralLike(first)) return first.text;
  return ts.isTemplateExpression(first) ? first.head.text : undefined;
}
