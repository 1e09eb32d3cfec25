/**
 * Refuses words that are not the field's, in comments, strings and identifiers (`failureTold` is two words).
 * A quote that needs one carries `eslint-disable-next-line converge/plain-words -- <why>`.
 */
const WORDS = new Map(
  Object.entries({
    'emit, report, notify or log': ['tell', 'tells', 'telling', 'told', 'teller'],
    'fix, repair or resolve': ['mend', 'mends', 'mended', 'mending', 'heal', 'heals', 'healed', 'healing'],
    'a noun: the caller, an operator, a consumer': ['whoever', 'whomever', 'somebody', 'nobody'],
    'park or skip': ['aside'],
    'create or start': ['beget', 'begets', 'begot', 'begotten'],
  }).flatMap(([instead, words]) => words.map((word) => [word, instead])),
);
const WORD = /[A-Z]?[a-z]+|[A-Z]+/g;
const SELF = /\bself-?$/i;

export const plainWords = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { word: '"{{word}}" is not a term of the field: say {{instead}}.' },
  },
  create(context) {
    return {
      Program() {
        context.sourceCode.lines.forEach((text, index) => {
          for (const { 0: word, index: column } of text.matchAll(WORD)) {
            const instead = WORDS.get(word.toLowerCase());
            const selfHealing = /^healing$/i.test(word) && SELF.test(text.slice(0, column));
            if (instead === undefined || selfHealing) continue;
            const start = { line: index + 1, column };
            const end = { line: index + 1, column: column + word.length };
            context.report({ loc: { start, end }, messageId: 'word', data: { word, instead } });
          }
        });
      },
    };
  },
};
