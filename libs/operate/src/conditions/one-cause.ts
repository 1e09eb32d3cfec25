import type { FoundCondition } from './found.ts';

type Placed = FoundCondition & { readonly database: string };

/**
 * Joins what one act ends in several databases (pure): a saga is paused and resumed in all that run it, so its pauses are one
 * item. The oldest has the word.
 */
export function oneCause<Item extends Placed>(items: readonly Item[]): readonly Item[] {
  return [...Map.groupBy(items, causeOf).values()].flatMap((own) => {
    const [first, ...others] = own.toSorted((a, b) => ageOf(a) - ageOf(b));
    if (first === undefined || others.length === 0) return own;
    const severity = own.some((one) => one.severity === 'act') ? 'act' : first.severity;
    const text = `${first.text} in ${first.database}; it is paused in ${others.map((one) => one.database).join(', ')} as well`;
    return [{ ...first, severity, text, database: own.map((one) => one.database).join(', ') }];
  });
}

const causeOf = (item: Placed): unknown => {
  const { alarm, about } = item;
  return alarm === 'saga_paused' && about.name !== undefined ? `${about.name} ${about.id ?? ''}` : item;
};

const ageOf = ({ since }: Placed): number => since?.getTime() ?? Number.MAX_SAFE_INTEGER;
