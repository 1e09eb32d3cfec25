import type { Outcome } from './output.ts';

export interface Verdict {
  readonly isGood: boolean;
  readonly text: string;
}

/** Judges what TLC found. `breaks` is the invariant of a control; a passing configuration has none. Pure. */
export function verdictOf(outcome: Outcome, breaks: string | undefined): Verdict {
  switch (outcome.kind) {
    case 'failed':
      return { isGood: false, text: `NOT CHECKED: ${outcome.why}` };
    case 'passed':
      return breaks === undefined
        ? { isGood: true, text: 'passes' }
        : { isGood: false, text: `PASSES, and has to break ${breaks}` };
    case 'violated': {
      const { invariant } = outcome;
      if (invariant === breaks) return { isGood: true, text: `breaks ${invariant}` };
      const wanted = breaks === undefined ? 'has to pass' : `has to break ${breaks}`;
      return { isGood: false, text: `BREAKS ${invariant}, and ${wanted}` };
    }
  }
}
