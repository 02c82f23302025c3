import { isJsonObject, readJsonObject, type JsonObject } from '../files/json.js';

function cellsOf(notebook: JsonObject): JsonObject[] {
  const { cells } = notebook;
  return Array.isArray(cells) ? cells.filter(isJsonObject) : [];
}

function sourceOf({ source }: JsonObject): string {
  return Array.isArray(source) ? source.join('') : String(source);
}

/**
 * The cells of an executed notebook that are the project's own, without outputs and counts: what a user wrote into others,
 * or a client put there, may name data.
 */
export function ownCells(executed: string, stored: string): JsonObject {
  const project = readJsonObject(stored);
  const own = new Map(cellsOf(project).map((cell) => [sourceOf(cell), cell]));
  const cells = cellsOf(readJsonObject(executed)).flatMap((cell) => own.get(sourceOf(cell)) ?? []);
  return { ...project, cells };
}
