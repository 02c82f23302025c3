// Generated from data-manifests/schemas by "npm run schemas"; do not edit.

/**
 * Distance of neighbouring pixels of the student's input, mm; null where no study has one.
 */
export type InputSpacing = {
  /**
   * Those whose spacing is known.
   */
  studies: number;
  x: Spread;
  y: Spread;
} | null;

/**
 * What is known of the frames from which a student learned volumes (labelled TRAIN studies): field trainingFrames of regressor.json.
 */
export interface TrainingFrames {
  dataset: string;
  studies: number;
  /**
   * Studies by how their frames were prepared.
   */
  preparation: {
    /**
     * Black outside the ultrasound sector, cropped to the square around it.
     */
    sector?: number;
    /**
     * The whole picture.
     */
    whole?: number;
    /**
     * The whole picture, for no sector was found in it.
     */
    'no sector'?: number;
    /**
     * A small square as data sets store frames; how it was prepared the file does not say.
     */
    'small square'?: number;
  };
  size: FrameSizes;
  spacing: InputSpacing;
}
/**
 * Of the frames before they are resized to the student's input, pixels.
 */
export interface FrameSizes {
  height: Spread;
  width: Spread;
}
export interface Spread {
  least: number;
  median: number;
  most: number;
}
