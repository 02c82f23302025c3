import { isJsonObject, type JsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';

/** The fields of a `config.json`, each with its default; what is there but wrong is a {@link BadInput} naming the field. */
export class ConfigFields {
  constructor(
    readonly json: JsonObject,
    readonly where: string,
  ) {}

  private fail(name: string, expected: string): never {
    const got = JSON.stringify(this.json[name]) ?? 'nothing';
    throw new BadInput({ where: `${this.where}, field ${name}`, expected, got });
  }

  value(name: string): unknown {
    return this.json[name];
  }

  has(name: string): boolean {
    return this.json[name] !== undefined;
  }

  number(name: string, fallback?: number): number {
    const value = this.json[name] ?? fallback;
    return typeof value === 'number' && Number.isFinite(value) ? value : this.fail(name, 'a number');
  }

  /** A whole number of at least `least`. */
  count(name: string, fallback?: number, least = 1): number {
    const value = this.json[name] ?? fallback;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
    return this.fail(name, `a whole number of at least ${least}`);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.json[name] ?? fallback;
    return typeof value === 'boolean' ? value : this.fail(name, 'true or false');
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback?: T): T {
    const value = this.json[name] ?? fallback;
    const found = allowed.find((text) => text === value);
    return found ?? this.fail(name, `one of ${allowed.map((text) => JSON.stringify(text)).join(', ')}`);
  }

  integers(name: string, fallback: readonly number[]): readonly number[] {
    const value = this.json[name] ?? fallback;
    if (Array.isArray(value) && value.every((v) => Number.isSafeInteger(v))) return value as number[];
    return this.fail(name, 'a list of whole numbers');
  }

  /** A list of lists of texts. */
  textLists(name: string, fallback?: readonly (readonly string[])[]): readonly (readonly string[])[] {
    const value = this.json[name] ?? fallback;
    const isText = (v: unknown): boolean => typeof v === 'string';
    if (Array.isArray(value) && value.every((list) => Array.isArray(list) && list.every(isText))) {
      return value as string[][];
    }
    return this.fail(name, 'a list of lists of texts');
  }

  object(name: string): ConfigFields | undefined {
    const value = this.json[name];
    if (value === undefined || value === null) return undefined;
    return isJsonObject(value) ? new ConfigFields(value, `${this.where}, ${name}`) : this.fail(name, 'an object');
  }

  /** These fields over those of `others` where both have them. */
  over(others: JsonObject): ConfigFields {
    return new ConfigFields({ ...others, ...this.json }, this.where);
  }
}
