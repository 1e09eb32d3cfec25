/** Series by selector, with their values once a minute in promtool's notation: `0+2x60`, `1x10 _x20`. */
export type Series = Readonly<Record<string, string>>;

/** What makes an alert fire, and the nearest thing that does not. */
export interface AlertCase {
  readonly alert: string;
  /** The time after the first sample, such as `10m`. */
  readonly at: string;
  /** The interval of the rules: longer for an alert on days. @default 1m */
  readonly every?: string;
  readonly firing: Series;
  /** The labels of the alert that fires, without name, state and severity. */
  readonly labels: Readonly<Record<string, string>>;
  readonly quiet: Series;
}
