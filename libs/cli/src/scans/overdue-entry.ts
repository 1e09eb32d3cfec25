import { shellWord } from '@convergekit/core/engine';
import type { OverdueEntry } from '@convergekit/saga/operate';

/** Returns the command that shows an overdue or stuck step, call or workflow. Pure. */
export function overdueCommand({ kind, name, id }: Pick<OverdueEntry, 'kind' | 'name' | 'id'>): string {
  switch (kind) {
    case 'step':
      return `converge saga show ${shellWord(id)}`;
    case 'call':
      return `converge effects show ${id}`;
    case 'workflow':
      return `converge workflow show ${name} ${shellWord(id)}`;
  }
}
