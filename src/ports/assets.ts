/**
 * Reads a text file that ships with the product, such as a stylesheet. `name` is its path below
 * `src`.
 */
export type ReadAsset = (name: string) => Promise<string>;
