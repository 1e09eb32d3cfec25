import { classify } from '@convergekit/resilience';

/** The end of a service that failed. */
export interface End {
  /** 78 (EX_CONFIG of sysexits.h): only a change of settings or code helps, so a supervisor need not try again. */
  readonly exitCode: 1 | 78;
  readonly line: string;
  /** The fields of the log line. Only an unexpected error has its stack there. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Explains what ended a service, in one line (pure). */
export function endOf(error: unknown): End {
  const { category, code, message } = classify(error);
  const exitCode = category === 'configuration' ? 78 : 1;
  // The errors of the kit carry code and category, and their messages are written for people.
  const explained = error instanceof Error && 'code' in error && 'category' in error;
  return { exitCode, line: oneLine(message), fields: explained ? { code, category } : { err: error } };
}

/** Joins the lines of a list: the issues of a configuration are one line each. */
function oneLine(text: string): string {
  const [head = '', ...items] = text.split(/\s*\n\s*(?:- )?/);
  return items.length === 0 ? head : `${head} ${items.join(' ')}`;
}
