import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript';

/** An error code that stands in the source of a library, with what the source says about it in the same place. */
export interface ThrownCode {
  readonly library: string;
  readonly code: string;
  /** Where the literal names it; a class may fill it in. */
  readonly category: string | undefined;
  readonly certainty: string | undefined;
}

const notOurs = /\.test\.ts$|\/fixture\/|\/src\/contract\/|service-stress|^libs\/testing\//;

/** Reads the libraries' source for codes of errors: what is constructed, what is thrown, what a code's type lists. */
export function thrownCodes(root: string): readonly ThrownCode[] {
  return globSync('libs/*/src/**/*.ts', { cwd: root })
    .filter((file) => !notOurs.test(file))
    .flatMap((file) => codesOf(file.split('/')[1] ?? '', readFileSync(`${root}/${file}`, 'utf8')));
}

/** Pure: of one file. */
export function codesOf(library: string, text: string): readonly ThrownCode[] {
  const found: ThrownCode[] = [];
  const add = (code: string, category?: string, certainty?: string): void =>
    void found.push({ library, code, category, certainty });
  const visit = (node: ts.Node): void => {
    if (ts.isTypeAliasDeclaration(node) && /(Error|Refusal)Code$/.test(node.name.text))
      for (const code of literalsOf(node.type)) add(code);
    if (ts.isNewExpression(node) && isError(node.expression.getText()))
      fromArguments(node.arguments ?? [], add, certaintyOfClass[node.expression.getText()]);
    // A table of codes with their kinds.
    if (ts.isObjectLiteralExpression(node) && (textOf(node, 'kind') ?? '') in categoryOfKind)
      fromArguments([node], add);
    // The errors of the command line: `refused('CODE', message)`.
    if (ts.isCallExpression(node) && /^(refused|misconfigured)$/.test(node.expression.getText()))
      fromArguments(node.arguments, add);
    if (ts.isThrowStatement(node) && ts.isCallExpression(node.expression)) {
      const [first] = node.expression.arguments;
      // `missing('DATABASE_URL', …)` names a setting.
      const named = node.expression.expression.getText() !== 'missing';
      if (named && first !== undefined && ts.isStringLiteral(first) && isCode(first.text)) add(first.text);
    }
    // An act of which nothing is eligible: `refusal: 'CODE'`.
    if (ts.isPropertyAssignment(node) && node.name.getText() === 'refusal')
      for (const one of [node.initializer, ...branchesOf(node.initializer)])
        if (ts.isStringLiteral(one)) add(one.text);
    if (ts.isPropertyDeclaration(node) && node.name.getText() === 'code' && isErrorClass(node.parent)) {
      const { initializer } = node;
      if (initializer !== undefined && ts.isStringLiteral(initializer)) add(initializer.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('x.ts', text, ts.ScriptTarget.Latest, true));
  return found;
}

function fromArguments(
  given: readonly ts.Expression[],
  add: (code: string, category?: string, certainty?: string) => void,
  filledIn?: string,
): void {
  for (const one of given) {
    if (ts.isStringLiteral(one) && isCode(one.text)) add(one.text);
    if (!ts.isObjectLiteralExpression(one)) continue;
    const category = textOf(one, 'category') ?? categoryOfKind[textOf(one, 'kind') ?? ''];
    const certainty = textsOf(one, 'certainty').length === 0 ? filledIn : textOf(one, 'certainty');
    for (const code of textsOf(one, 'code')) if (isCode(code)) add(code, category, certainty);
  }
}

/** The certainty of classes whose errors need not name it. */
const certaintyOfClass: Readonly<Record<string, string>> = {
  DatabaseError: 'not_applied',
  ReconcileError: 'not_applied',
};

/** How the broker's kinds of errors are categories (libs/broker, `BrokerError`). */
const categoryOfKind: Readonly<Record<string, string>> = {
  retry: 'network',
  new_producer: 'service',
  halt_topic: 'configuration',
  configuration: 'configuration',
  fatal: 'bug',
};

function textOf(object: ts.ObjectLiteralExpression, name: string): string | undefined {
  const texts = textsOf(object, name);
  return texts.length === 1 ? texts[0] : undefined;
}

/** Reads the texts that a property may have: two where a condition chooses. */
function textsOf(object: ts.ObjectLiteralExpression, name: string): readonly string[] {
  const property = object.properties.find((one) => one.name?.getText() === name);
  return property !== undefined && ts.isPropertyAssignment(property) ? textsIn(property.initializer) : [];
}

function textsIn(value: ts.Expression): readonly string[] {
  if (ts.isConditionalExpression(value)) return [...textsIn(value.whenTrue), ...textsIn(value.whenFalse)];
  if (ts.isStringLiteral(value)) return [value.text];
  // A constant that is named as the code that it holds: BREAKER_OPEN.
  return ts.isIdentifier(value) && isCode(value.text) ? [value.text] : [];
}

function literalsOf(type: ts.TypeNode): readonly string[] {
  const parts = ts.isUnionTypeNode(type) ? type.types : [type];
  return parts.flatMap((part) =>
    ts.isLiteralTypeNode(part) && ts.isStringLiteral(part.literal) ? [part.literal.text] : [],
  );
}

const isCode = (text: string): boolean => /^([A-Z][A-Z0-9]*(_[A-Z0-9]+)*|[a-z]+(_[a-z]+)+)$/.test(text);
// `ConnectionError` never leaves libs/kafka: it becomes a BrokerError there.
const isError = (name: string): boolean =>
  /(Error|Invalid|Rejection)$/.test(name) && name !== 'ConnectionError';
const isErrorClass = (node: ts.Node): boolean =>
  ts.isClassDeclaration(node) && node.name !== undefined && isError(node.name.text);

const branchesOf = (node: ts.Expression): readonly ts.Expression[] =>
  ts.isConditionalExpression(node) ? [node.whenTrue, node.whenFalse] : [];
