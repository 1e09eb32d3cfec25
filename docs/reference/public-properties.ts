import { relative } from 'node:path';
import ts from 'typescript';
import { root } from '../../infra/packages/workspaces.ts';
import type { EntryPoint } from './public-api.ts';

/** A property of a type that users write or read, such as an option. */
export interface PublicProperty {
  /** File, line, type and name. */
  readonly at: string;
  /** The text of its comment, without tags. */
  readonly comment: string;
  /** True where it may be left out. */
  readonly isOptional: boolean;
  /** Its value where it is left out; undefined: the comment does not say. */
  readonly byDefault: string | undefined;
}

/** Lists the properties of all types that the names of doors declare, take, or hand to callbacks. */
export function propertiesOf(doors: readonly EntryPoint[], program: ts.Program): readonly PublicProperty[] {
  const walk = walkFrom(program.getTypeChecker());
  for (const { file } of doors) walk.module(program.getSourceFile(file));
  return [...walk.found.values()].toSorted((a, b) => a.at.localeCompare(b.at));
}

interface Walk {
  readonly found: ReadonlyMap<ts.Declaration, PublicProperty>;
  /** Takes the names that a module exports: the properties of a type, and all that the parameters of a value have. */
  module(source: ts.SourceFile | undefined): void;
}

function walkFrom(checker: ts.TypeChecker): Walk {
  const found = new Map<ts.Declaration, PublicProperty>();
  const seen = new Set<ts.Type>();
  const parameters = (type: ts.Type): readonly ts.Symbol[] =>
    [...type.getCallSignatures(), ...type.getConstructSignatures()].flatMap((one) => one.parameters);

  /** Takes the properties that the type itself declares, and returns their types. */
  function take(type: ts.Type): readonly ts.Type[] {
    return checker.getPropertiesOfType(type).flatMap((property) => {
      const node = property.declarations?.find(isDeclared);
      if (node === undefined) return [];
      if (!isInOneLine(node.parent)) found.set(node, propertyOf(property, node, checker));
      return [checker.getNonNullableType(checker.getTypeOfSymbol(property))];
    });
  }
  function follow(type: ts.Type): void {
    if (seen.has(type)) return;
    seen.add(type);
    const members = type.isUnionOrIntersection() ? type.types : argumentsOf(type, checker);
    const properties = take(type);
    // What the kit hands to a function of the user, such as the context of a handler.
    for (const handed of [type, ...properties].flatMap(parameters)) take(checker.getTypeOfSymbol(handed));
    [...members, ...properties].forEach(follow);
  }
  function followParameters(type: ts.Type): void {
    for (const one of parameters(type)) follow(checker.getNonNullableType(checker.getTypeOfSymbol(one)));
  }
  return {
    found,
    module(source) {
      const symbol = source && checker.getSymbolAtLocation(source);
      for (const exported of symbol === undefined ? [] : checker.getExportsOfModule(symbol)) {
        const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
        const name = isAlias ? checker.getAliasedSymbol(exported) : exported;
        if ((name.flags & ts.SymbolFlags.Type) !== 0)
          take(checker.getDeclaredTypeOfSymbol(name)).forEach(followParameters);
        if ((name.flags & ts.SymbolFlags.Value) === 0) continue;
        const value = checker.getTypeOfSymbol(name);
        followParameters(value);
        // Builders, such as that of a consumer: their methods take options, too.
        for (const built of value.getCallSignatures()) take(built.getReturnType()).forEach(followParameters);
      }
    },
  };
}

function argumentsOf(type: ts.Type, checker: ts.TypeChecker): readonly ts.Type[] {
  const isReference = ((type as ts.ObjectType).objectFlags & ts.ObjectFlags.Reference) !== 0;
  return isReference ? checker.getTypeArguments(type as ts.TypeReference) : [];
}

/** Says whether a property is one of a type of this repository; a class is made by the kit, and its members are methods. */
const isDeclared = (node: ts.Node): boolean =>
  (ts.isPropertySignature(node) || ts.isMethodSignature(node)) &&
  !node.getSourceFile().fileName.includes('node_modules');

/** Says whether a type is written in one line: then the comment of what has the type describes it. */
const isInOneLine = (node: ts.Node): boolean => ts.isTypeLiteralNode(node) && !node.getText().includes('\n');

function propertyOf(symbol: ts.Symbol, node: ts.Declaration, checker: ts.TypeChecker): PublicProperty {
  const source = node.getSourceFile();
  const { line } = source.getLineAndCharacterOfPosition(node.getStart());
  const type = ts.findAncestor(
    node,
    (one) => ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one),
  );
  const byDefault = symbol.getJsDocTags(checker).find(({ name }) => name === 'default');
  return {
    at: `${relative(root, source.fileName)}:${line + 1} ${type?.name.getText() ?? ''}.${symbol.name}`,
    comment: ts.displayPartsToString(symbol.getDocumentationComment(checker)),
    isOptional: 'questionToken' in node && node.questionToken !== undefined,
    byDefault: byDefault && ts.displayPartsToString(byDefault.text),
  };
}
