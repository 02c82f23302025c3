import { CholeskyDecomposition, Matrix } from 'ml-matrix';

/** Features and targets of some studies, a row each. */
export interface RidgeData {
  readonly features: readonly ArrayLike<number>[];
  readonly targets: readonly (readonly number[])[];
}

/** A fitted ridge regression. */
export interface Ridge {
  /** The chosen penalty of each target. */
  readonly penalties: readonly number[];
  /** The predicted targets of each row. */
  predict(features: readonly ArrayLike<number>[]): number[][];
}

/** What the penalty is chosen by: a validation set, or each training row left out in turn. */
export type RidgeChoice = { readonly by: 'validation'; readonly data: RidgeData } | { readonly by: 'leave-one-out' };

type Rows = readonly ArrayLike<number>[];

/** Subtracts the columns' means and divides by their population standard deviations (1 for a column that never varies). */
function standardiser(rows: Rows): (rows: Rows) => Matrix {
  const width = rows[0]?.length ?? 0;
  const columns = Array.from({ length: width }, (_, j) => Float64Array.from(rows, (row) => row[j] as number));
  const means = columns.map((column) => column.reduce((sum, v) => sum + v, 0) / column.length);
  const scales = columns.map((column, j) => {
    const constant = column.every((v) => v === column[0]);
    return constant
      ? 1
      : Math.sqrt(column.reduce((sum, v) => sum + (v - (means[j] as number)) ** 2, 0) / column.length);
  });
  return (given) =>
    new Matrix(
      given.map((row) => Float64Array.from(row, (v, j) => (v - (means[j] as number)) / (scales[j] as number))),
    );
}

/** The weights `[features, targets]` for one penalty, and the leave-one-out residuals of the training rows when asked. */
interface Solution {
  readonly weights: Matrix;
  leftOut(): Matrix;
}

/** Solves (G + penalty·I) B = C by Cholesky's decomposition. */
function solver(gram: Matrix, penalty: number): (right: Matrix) => Matrix {
  const regular = gram.clone();
  for (let i = 0; i < regular.rows; i++) regular.set(i, i, regular.get(i, i) + penalty);
  const decomposition = new CholeskyDecomposition(regular);
  return (right) => decomposition.solve(right);
}

/**
 * Residuals that refitting without each row would leave: r / (1 − h), h the diagonal of the hat matrix; the intercept, which
 * is not penalised, adds 1/n to h.
 */
function leaveOneOut(residuals: Matrix, hat: ArrayLike<number>): Matrix {
  const left = residuals.clone();
  for (let i = 0; i < left.rows; i++) left.mulRow(i, 1 / (1 - 1 / left.rows - (hat[i] as number)));
  return left;
}

/** Solves for weights through the smaller of the two Gram matrices. */
function problem(x: Matrix, y: Matrix): (penalty: number) => Solution {
  const transposed = x.transpose();
  const residualsOf = (weights: Matrix): Matrix => Matrix.sub(y, x.mmul(weights));
  if (x.rows < x.columns) {
    const gram = x.mmul(transposed);
    return (penalty) => {
      const solve = solver(gram, penalty);
      const weights = transposed.mmul(solve(y));
      const hat = (): number[] =>
        solve(Matrix.eye(x.rows))
          .diagonal()
          .map((g) => 1 - penalty * g);
      return { weights, leftOut: () => leaveOneOut(residualsOf(weights), hat()) };
    };
  }
  const gram = transposed.mmul(x);
  const right = transposed.mmul(y);
  return (penalty) => {
    const solve = solver(gram, penalty);
    const weights = solve(right);
    const hat = (): number[] => Matrix.mul(transposed, solve(transposed)).sum('column');
    return { weights, leftOut: () => leaveOneOut(residualsOf(weights), hat()) };
  };
}

/** The mean square of each column. */
function meanSquares(errors: Matrix): number[] {
  return Matrix.mul(errors, errors).mean('column');
}

/**
 * Ridge regression with an intercept, ‖y − Xw‖² + penalty·‖w‖² on features standardised over the training rows, in double
 * precision, each target with the penalty of the list that leaves the smallest mean squared error on the validation set or
 * in leave-one-out (scikit-learn's StandardScaler and Ridge, RidgeCV with alpha_per_target).
 */
export function fitRidge(train: RidgeData, penalties: readonly number[], choice: RidgeChoice): Ridge {
  if (train.features.length === 0 || penalties.length === 0) throw new Error('no rows or no penalties');
  const standardise = standardiser(train.features);
  const targets = new Matrix(train.targets.map((row) => [...row]));
  const intercept = targets.mean('column');
  const solve = problem(standardise(train.features), targets.clone().subRowVector(intercept));
  const predict = (weights: Matrix, rows: Rows): Matrix => standardise(rows).mmul(weights).addRowVector(intercept);
  const tried = penalties.map((penalty) => {
    const { weights, leftOut } = solve(penalty);
    if (choice.by === 'leave-one-out') return { penalty, weights, errors: meanSquares(leftOut()) };
    const labels = new Matrix(choice.data.targets.map((row) => [...row]));
    return { penalty, weights, errors: meanSquares(Matrix.sub(predict(weights, choice.data.features), labels)) };
  });
  const chosen = intercept.map((_, t) =>
    tried.reduce((best, next) => ((next.errors[t] as number) < (best.errors[t] as number) ? next : best)),
  );
  const weights = Matrix.zeros(tried[0]?.weights.rows ?? 0, intercept.length);
  chosen.forEach((best, t) => weights.setColumn(t, best.weights.getColumn(t)));
  return {
    penalties: chosen.map(({ penalty }) => penalty),
    predict: (rows) => (rows.length === 0 ? [] : predict(weights, rows).to2DArray()),
  };
}
