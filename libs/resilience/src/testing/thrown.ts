import { classify } from '../index.ts';

export const thrown = (fields: Record<string, unknown>, message = 'x'): Error =>
  Object.assign(new Error(message), fields);
export const pg = (code: string): Error => thrown({ code, severity: 'ERROR' });
export const http = (status: number): Error => thrown({ status });

/** `category certainty`, and `structural` where it is. */
export function axes(error: unknown): string {
  const { category, certainty, structural } = classify(error);
  return `${category} ${certainty}${structural ? ' structural' : ''}`;
}
