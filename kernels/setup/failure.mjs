/** Something a person can mend: one sentence that says what is missing and what to do; set-up ends with exit code 2. */
export class SetupFailure extends Error {
  constructor(missing, fix) {
    super(`${missing}; ${fix}.`);
    this.name = 'SetupFailure';
  }
}
