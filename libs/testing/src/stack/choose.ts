/** How one part of the stack comes to be. */
export type Choice =
  { readonly how: 'given'; readonly value: string } | { readonly how: 'docker' | 'embedded' };

export interface Choices {
  readonly postgres: Choice;
  readonly kafka: Choice;
}

export interface ChoiceFacts {
  readonly databaseUrl: string | undefined;
  readonly brokers: string | undefined;
  readonly dockerAnswers: boolean;
}

/** Given by the environment; else Docker when an engine answers; else embedded. Each part for itself. */
export function chooseStack({ databaseUrl, brokers, dockerAnswers }: ChoiceFacts): Choices {
  const start: Choice = { how: dockerAnswers ? 'docker' : 'embedded' };
  const choose = (value: string | undefined): Choice =>
    value === undefined || value === '' ? start : { how: 'given', value };
  return { postgres: choose(databaseUrl), kafka: choose(brokers) };
}
