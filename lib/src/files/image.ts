/** An 8-bit grey image, rows from the top; `data` has height · width values. */
export interface GreyImage {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}
