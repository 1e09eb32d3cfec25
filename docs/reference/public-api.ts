import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { root } from '../../infra/packages/workspaces.ts';
import { programOf } from '../../test/compiler.ts';

/** A public name: what the editor shows of it. */
export interface PublicName {
  readonly name: string;
  readonly isValue: boolean;
  /** The text of its comment, without tags. */
  readonly comment: string;
  /** The code of its `@example`; undefined: it has none. */
  readonly example: string | undefined;
  /** Its declarations without bodies, one for each overload. */
  readonly declarations: readonly string[];
}

/** The names that one entry point of a published package exports. */
export interface PublicDoor {
  readonly door: string;
  readonly names: readonly PublicName[];
}

/** An entry point of a package of this repository. */
export interface EntryPoint {
  readonly door: string;
  /** True for one that users have, and may depend on. */
  readonly isPublic: boolean;
  readonly file: string;
}

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports: Readonly<Record<string, string | { readonly source: string }>>;
}

/** Lists the entry points of all packages, in the order of packages. */
export function entryPoints(): readonly EntryPoint[] {
  const manifests = globSync(['libs/*/package.json', 'services/console/package.json'], { cwd: root });
  return manifests.toSorted().flatMap((path) => {
    const { name, exports, ...rest } = JSON.parse(readFileSync(join(root, path), 'utf8')) as Manifest;
    return Object.entries(exports).map(([door, to]) => ({
      door: join(name, door),
      isPublic: rest.private !== true && typeof to !== 'string' && door !== './internal',
      file: join(root, dirname(path), typeof to === 'string' ? to : to.source),
    }));
  });
}

/** Reads the public names of all doors by the TypeScript compiler, in the order of packages and names. */
export function publicApi(): readonly PublicDoor[] {
  return namesOf(entryPoints().filter(({ isPublic }) => isPublic));
}

/** Compiles entry points, for readers of what they export. */
export function compiled(doors: readonly EntryPoint[]): ts.Program {
  return programOf(doors.map(({ file }) => file));
}

/** Reads the names that entry points export by the TypeScript compiler, each door's in their order. */
export function namesOf(
  doors: readonly EntryPoint[],
  program: ts.Program = compiled(doors),
): readonly PublicDoor[] {
  const checker = program.getTypeChecker();
  return doors.map(({ door, file }) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    const names = module === undefined ? [] : checker.getExportsOfModule(module);
    return {
      door,
      names: names
        .map((symbol) => publicName(symbol, checker))
        .toSorted((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1)),
    };
  });
}

function publicName(exported: ts.Symbol, checker: ts.TypeChecker): PublicName {
  const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
  const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
  const example = symbol.getJsDocTags(checker).find(({ name }) => name === 'example');
  const declarations = symbol.declarations ?? [];
  // The implementation behind overloads is no part of what users see.
  const overloads = declarations.filter((one) => !(ts.isFunctionDeclaration(one) && one.body !== undefined));
  return {
    name: exported.name,
    isValue:
      (symbol.flags & ts.SymbolFlags.Value) !== 0 &&
      exported.declarations?.some(ts.isTypeOnlyExportDeclaration) !== true,
    comment: ts.displayPartsToString(symbol.getDocumentationComment(checker)),
    example: example && ts.displayPartsToString(example.text).replace(/^```\w*\n|\n```$/g, ''),
    declarations: (overloads.length > 0 ? overloads : declarations).map((one) => declared(one, checker)),
  };
}

function declared(node: ts.Declaration, checker: ts.TypeChecker): string {
  const source = node.getSourceFile();
  const upTo = (end: ts.Node): string => source.text.slice(node.getStart(), end.getStart()).trimEnd();
  if (ts.isFunctionDeclaration(node) && node.body !== undefined) return exportless(upTo(node.body));
  if (ts.isVariableDeclaration(node))
    return `const ${node.name.getText()}: ${node.type?.getText() ?? checker.typeToString(checker.getTypeAtLocation(node))}`;
  if (ts.isClassDeclaration(node)) return classText(node);
  return exportless(node.getText());
}

function classText(node: ts.ClassDeclaration): string {
  const { outputText } = ts.transpileDeclaration(node.getText(), {
    compilerOptions: { target: ts.ScriptTarget.ES2024, removeComments: true },
  });
  return exportless(outputText.trim()).replace(/\n *(private |#)[^\n]*/g, '');
}

const exportless = (text: string): string => text.replace(/^export (declare )?/, '');
