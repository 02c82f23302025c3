/** An 8-bit grey image, rows from the top; `data` has height · width values. */
export interface GreyImage {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}

/** An 8-bit colour image as its red, green and blue planes, which are of one size. */
export interface ColourImage {
  readonly planes: readonly [GreyImage, GreyImage, GreyImage];
}

export type Image = GreyImage | ColourImage;

/** The luma of ITU-R BT.601 of red, green and blue, as JPEG files store it; each 0 to 255. */
export function luma(red: number, green: number, blue: number): number {
  return Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
}

/** A colour image from its values as files hold them: red, green and blue of one pixel after the other. */
export function colourImage(height: number, width: number, data: Uint8Array): ColourImage {
  const plane = (channel: number): GreyImage => {
    const values = new Uint8Array(height * width);
    for (let i = 0; i < values.length; i++) values[i] = data[3 * i + channel] as number;
    return { height, width, data: values };
  };
  return { planes: [plane(0), plane(1), plane(2)] };
}

/** The planes of an image: one of grey, three of colour. */
export function planesOf(image: Image): readonly GreyImage[] {
  return 'planes' in image ? image.planes : [image];
}
