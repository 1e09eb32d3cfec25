import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Retries go through the resilience package: by policy, jittered, bounded, paid for, one owner a hop. Refused here:
 * - a timer in a loop that catches, or in a catch: a retry of one's own, without any of that. So are a sleep of a fixed
 *   time, and a call of a function that sets a timer, of the same file or imported by a relative path;
 * - a `retry(…)` inside another one: attempts multiply (the run-time check finds those that hide behind calls).
 */
const TIMERS = new Set(['setTimeout', 'delay']);
const LOOPS = new Set([
  'ForStatement',
  'ForOfStatement',
  'ForInStatement',
  'WhileStatement',
  'DoWhileStatement',
]);

const calls = (node, names) => {
  const { callee } = node;
  if (callee.type === 'Identifier') return names.has(callee.name);
  return (
    callee.type === 'MemberExpression' &&
    callee.property.type === 'Identifier' &&
    names.has(callee.property.name)
  );
};

/** True for a sleep whose time no policy has computed. A sleep of 0 only takes up what came meanwhile. */
const isFixedSleep = (node) => calls(node, new Set(['sleep'])) && node.arguments[0]?.value > 0;

/** True for a call of a function that sets a timer: of this file, or of one that it imports by a relative path. */
function callsTimer({ callee }, sourceCode, filename) {
  if (callee.type !== 'Identifier') return false;
  for (let scope = sourceCode.getScope(callee); scope !== null; scope = scope.upper) {
    const found = scope.set.get(callee.name);
    if (found !== undefined)
      return found.defs.some(({ type, node, parent }) =>
        type === 'ImportBinding'
          ? setsTimer(importedText(node, parent, filename))
          : (type === 'FunctionName' || node.init?.type === 'ArrowFunctionExpression') &&
            setsTimer(sourceCode.getText(node)),
      );
  }
  return false;
}

const setsTimer = (text) => /\bsetTimeout\(/.test(text);

/** The text of an imported function; '' when it is not found. */
function importedText(binding, { source }, filename) {
  const path = join(dirname(filename), source.value);
  if (!source.value.startsWith('.') || binding.imported === undefined || !existsSync(path)) return '';
  const { name } = binding.imported;
  const declared = new RegExp(
    `^export (?:async )?(?:function\\*? ${name}\\b[^]*?^\\}|const ${name}\\b[^]*?;$(?!\\n +\\S))`,
    'm',
  );
  return declared.exec(readFileSync(path, 'utf8'))?.[0] ?? '';
}

export const noAdHocRetry = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      timer:
        'A retry of its own: use retry() or operation() with a policy, or clock.sleep(delayMs(…)) in a worker loop.',
      nested: 'A retry inside a retry multiplies the attempts: let the outer one own them.',
    },
  },
  create(context) {
    const { sourceCode } = context;
    const refuse = (node, messageId) => context.report({ node, messageId });
    const catches = (loop) => sourceCode.getText(loop.body).match(/\bcatch\b/) !== null;
    return {
      CallExpression(node) {
        const above = sourceCode.getAncestors(node);
        if (
          (calls(node, TIMERS) || isFixedSleep(node) || callsTimer(node, sourceCode, context.filename)) &&
          above.some((one) => one.type === 'CatchClause' || (LOOPS.has(one.type) && catches(one)))
        )
          refuse(node, 'timer');
        if (
          node.callee.type === 'Identifier' &&
          node.callee.name === 'retry' &&
          above.some(
            (one) =>
              one.type === 'CallExpression' &&
              one.callee.type === 'Identifier' &&
              one.callee.name === 'retry',
          )
        )
          refuse(node, 'nested');
      },
    };
  },
};
