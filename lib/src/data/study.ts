import type { Spacing } from './simpson.js';

export type { GreyImage } from '../files/image.js';

/** The apical view of a study. */
export type View = '2CH' | '4CH';

/** The part of a data set a study belongs to; all views of a patient share one. */
export type Split = 'TRAIN' | 'VAL' | 'TEST';

/** A picture in a NIfTI file: the whole of a 2-D one, or a frame (0-based) of a 3-D one. */
export interface FrameFile {
  readonly path: string;
  readonly frame: number | null;
}

/** Where ED and ES stand as pictures of their own instead of frames of one cine. */
export interface FrameFiles {
  readonly ED: FrameFile;
  readonly ES: FrameFile;
}

/** How frames were prepared before anybody here resizes them. */
export type Preparation =
  /** Black outside the ultrasound sector and cropped to the square around it, as EchoNet-Dynamic's makers did. */
  | 'sector'
  /** The whole picture: CAMUS, phantoms, and clips where that is asked for. */
  | 'whole'
  /** The whole picture of a clip, for no sector was found in it. */
  | 'no sector'
  /** A small square as data sets store frames; how it was prepared the file does not say. */
  | 'small square';

/** What is known of frames besides their pixels. */
export interface Framing {
  readonly preparation: Preparation;
  /** Distance of neighbouring pixels, mm; null where nobody says. */
  readonly spacing: Spacing | null;
}

/** Frames without their pixels. */
export interface FrameGeometry extends Framing {
  readonly height: number;
  readonly width: number;
}

/** What a data set says of the frames of its cines. */
export interface CinePicture {
  readonly preparation: Preparation;
  /** Width and height of the whole picture, mm; null where nobody says. */
  readonly field: readonly [width: number, height: number] | null;
}

/** A clip of one's own, masked and cropped when its frames are read. */
export interface ClipFile {
  readonly clip: string;
}

/** How good a view is to look at, as CAMUS grades it. */
export type ImageQuality = 'Good' | 'Medium' | 'Poor';

/** What a data set says of a patient and of how a view turned out; absent where it says nothing. */
export interface Person {
  readonly sex?: 'F' | 'M' | undefined;
  /** Years. */
  readonly age?: number | undefined;
  readonly imageQuality?: ImageQuality | undefined;
}

/** One patient in one view, usable: its cine, its ED and ES frames and its labels. */
export interface Study extends Person {
  readonly id: string;
  readonly patient: string;
  readonly view: View;
  readonly split: Split;
  /** Absolute path of the cine, those of the ED and the ES picture, or that of a clip of one's own. */
  readonly video: string | FrameFiles | ClipFile;
  /** What the data set says of a cine whose file says nothing of it. */
  readonly picture?: CinePicture | undefined;
  /** End-diastolic frame, 0-based. */
  readonly edFrame: number;
  /** End-systolic frame, 0-based; may precede ED. */
  readonly esFrame: number;
  /** End-diastolic volume, mL. */
  readonly EDV: number;
  /** End-systolic volume, mL. */
  readonly ESV: number;
  /** Ejection fraction as the data set gives it, %. */
  readonly EF: number;
  /** Frames a second, as the data set gives it; NaN where it does not. */
  readonly fps: number;
  /** Frames that the video file holds. */
  readonly numberOfFrames: number;
}

/** What was found out about a study; `null` where unknown. A usable study has no reasons. */
export interface Verdict extends Person {
  readonly id: string;
  readonly view: View;
  readonly split: Split | null;
  readonly usable: boolean;
  /** Why it is left out, one clause each. */
  readonly reasons: readonly string[];
  readonly edFrame: number | null;
  readonly esFrame: number | null;
  readonly EDV: number | null;
  readonly ESV: number | null;
  readonly EF: number | null;
  /** How sure the frames are that were found from the motion of the picture, 0 … 1; absent where they were given. */
  readonly confidence?: number | undefined;
  /** What a reader should know of it although it does not leave it out, one clause each. */
  readonly notes?: readonly string[];
}

/** The studies of a data set: the usable ones, and a verdict on every one. */
export interface StudySet {
  readonly dataset: string;
  /** Absolute path of the data set's folder; nothing is ever written into it. */
  readonly root: string;
  readonly studies: readonly Study[];
  readonly verdicts: readonly Verdict[];
  /** What holds for the data set as a whole, such as where its split comes from; one sentence each. */
  readonly notes?: readonly string[];
}
