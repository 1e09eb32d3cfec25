import { UsageError } from '../host/errors.ts';

interface Fields {
  readonly [name: string]: unknown;
}

/**
 * Applies `path=value` to a rule's change. A number becomes one, everything else stays text (`unbounded`), and no value
 * removes the field. The policies check whether the fields exist and fit.
 */
export function withFields(change: unknown, fields: readonly string[]): Fields {
  return fields.reduce<Fields>(
    (done, field) => {
      const at = field.indexOf('=');
      const path = field.slice(0, at).split('.');
      if (at < 1 || path.some((name) => name === '' || name === '__proto__'))
        throw new UsageError(
          'FIELD_INVALID',
          `${field} is no field of a policy: give it as attempts=2 or backoff.capMs=500`,
        );
      return placed(done, path, valueOf(field.slice(at + 1)));
    },
    isFields(change) ? change : {},
  );
}

function placed(into: Fields, [name = '', ...rest]: readonly string[], value: unknown): Fields {
  const inner = into[name];
  const next = rest.length === 0 ? value : placed(isFields(inner) ? inner : {}, rest, value);
  const others = Object.entries(into).filter(([other]) => other !== name);
  const gone = next === undefined || (isFields(next) && Object.keys(next).length === 0);
  return Object.fromEntries(gone ? others : [...others, [name, next]]);
}

function valueOf(text: string): unknown {
  if (text === '') return undefined;
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
