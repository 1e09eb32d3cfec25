import { type Entry, isWithin, scopeOf } from './entry.ts';
import { type Fold, frameOf, isEnded, openScopes, rootOf, type StepFold } from './fold.ts';

/**
 * Pure: why an entry cannot follow this journal; undefined when it can. The engine checks it before it writes, and `verify`
 * checks it of every entry: so strict reverse order, intent before effect, and one undo for each effect are not
 * habits of the engine but rules of the journal.
 */
export function whyNot(fold: Fold, entry: Entry): string | undefined {
  if (isEnded(fold)) return 'the workflow had ended before';
  switch (entry.kind) {
    case 'scope':
    case 'intent':
      return whyNoBeginning(fold, entry);
    case 'scope_done':
      if (openScopes(fold).at(-1) !== entry.path || entry.path === '')
        return `${entry.path} is not the innermost open scope`;
      return whyUnsettled(fold);
    case 'completed':
      if (openScopes(fold).length !== 1 || rootOf(fold).state !== 'open')
        return 'a scope in it has not ended';
      return frameOf(fold) === undefined ? whyUnsettled(fold) : 'a scope of it is being undone';
    case 'compensate':
      return whyNoCompensation(fold, entry.path);
    case 'scope_undone':
    case 'compensated':
      return whyNotUndone(fold, entry);
    case 'stuck':
    case 'operator':
      return fold.steps[entry.step - 1]?.path === entry.path ? undefined : `there is no step ${entry.step}`;
    default:
      return whyNotOfStep(fold, entry);
  }
}

type OfStep = Exclude<Extract<Entry, { step: number }>, { kind: 'intent' | 'stuck' | 'operator' }>;

function whyNotOfStep(fold: Fold, entry: OfStep): string | undefined {
  const step = fold.steps[entry.step - 1];
  if (step?.path !== entry.path) return `there is no step ${entry.step} at ${entry.path}`;
  const is = `step ${step.step} is ${step.state}`;
  switch (entry.kind) {
    case 'repeat':
    case 'unknown':
    case 'result':
    case 'failed':
      return isOpen(step) ? undefined : is;
    case 'undo':
      if (step.undo.kind === 'irreversible') return 'it was declared irreversible';
      return isUndoable(step) ? whyNotNow(fold, step) : is;
    case 'undo_failed':
      return isUndoable(step) ? whyNotNow(fold, step) : is;
    case 'undone':
      if (step.state === 'undone') return is;
      if (entry.outcome === 'forgotten')
        return entry.by === 'operator' ? whyNotNow(fold, step) : 'only an operator may forget';
      if (isOpen(step)) return `${is}: a step of unknown outcome cannot be undone`;
      if (step.state === 'failed' && entry.outcome !== 'noop_not_applied')
        return `${is}: there was nothing to undo`;
      if (step.state !== 'failed' && step.undo.kind === 'irreversible' && entry.by !== 'operator')
        return 'it was declared irreversible';
      return whyNotNow(fold, step);
  }
}

function whyNoBeginning(fold: Fold, entry: Extract<Entry, { kind: 'scope' | 'intent' }>): string | undefined {
  if (frameOf(fold) !== undefined) return 'nothing begins while something is undone';
  if (openScopes(fold).at(-1) !== scopeOf(entry.path))
    return `the scope of ${entry.path} is not the innermost open one`;
  if (fold.scopes.has(entry.path) || fold.steps.some(({ path }) => path === entry.path))
    return `${entry.path} stands in the journal already`;
  if (entry.kind === 'intent' && entry.step !== fold.steps.length + 1)
    return `step ${fold.steps.length + 1} is next`;
  return whyUnsettled(fold);
}

function whyNoCompensation(fold: Fold, path: string): string | undefined {
  if (path === '') return rootOf(fold).state === 'open' ? undefined : 'it is being undone already';
  if (frameOf(fold) !== undefined) return 'something is being undone already';
  return openScopes(fold).at(-1) === path ? undefined : `${path} is not the innermost open scope`;
}

function whyNotUndone(fold: Fold, { kind, path }: Extract<Entry, { kind: 'scope_undone' | 'compensated' }>) {
  if ((kind === 'compensated') !== (path === '')) return `${kind} does not end ${path}`;
  if (frameOf(fold) !== path) return `${path === '' ? 'it' : path} is not being undone`;
  const left = fold.steps.find((step) => isWithin(path, step.path) && step.state !== 'undone');
  return left === undefined ? undefined : `step ${left.step} is ${left.state}`;
}

/** Undone is the last one first: whatever began after a step has been undone before it. */
function whyNotNow(fold: Fold, { step, path }: StepFold): string | undefined {
  const frame = frameOf(fold);
  if (frame === undefined || !isWithin(frame, path)) return `${path} is not being undone`;
  const later = fold.steps.find((one) => one.step > step && one.state !== 'undone');
  return later === undefined ? undefined : `step ${later.step} comes first: it is ${later.state}`;
}

function whyUnsettled({ steps }: Fold): string | undefined {
  const open = steps.find(isOpen);
  return open === undefined ? undefined : `step ${open.step} is ${open.state}`;
}

function isOpen({ state }: StepFold): boolean {
  return state === 'intended' || state === 'unknown';
}

function isUndoable({ state }: StepFold): boolean {
  return state === 'done' || state === 'undoing';
}
