/** The operator of an act on a source or a topic, for the audit of operators. */
export interface ActingOperator {
  readonly operator: string;
  readonly reason: string;
}
