export interface OrdersDb {
  wanted: { sku: string; quantity: number };
}
export interface StockRow {
  sku: string;
  reserved: number;
  version: number;
}
export interface StockDb {
  stock: StockRow;
}
/** The quantity that should be reserved, and the version of the row that differs. */
export interface Drift {
  readonly quantity: number;
  readonly version: number;
}
