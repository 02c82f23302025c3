/** Labels of a segmentation mask, as CAMUS numbers them. */
export const BACKGROUND = 0;
export const LV_CAVITY = 1;
export const MYOCARDIUM = 2;
export const LEFT_ATRIUM = 3;
